"""Writes an `Analysis` as JSON record, CSV row and one-page PDF, all with the same numbers.

Begin at `record.py`, the types of every field, and `json_and_csv.record`, which fills them. Imports the
library, never the page."""
