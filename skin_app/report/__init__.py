"""An `Analysis` as files: a record for JSON, a row for CSV, a PDF of one page; the same numbers.

Begin at `record.py`, the types of every field, and at `files.record`, which fills them. Imports the
library, never the page."""
