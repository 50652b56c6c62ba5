"""One module per format: reads the header (`opened`), then pixels and colour profile.

Begin at `opened.py`, which defines what every format returns; `read.py` lists the formats."""
