"""Writes an `Analysis` as JSON record, CSV row and one-page PDF, all with the same numbers.

Begin at `json_record.Record`: the types of every field, and the code that fills them; `pdf.py` prints
it. Imports the library, never the page."""
