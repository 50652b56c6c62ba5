"""A module for each format: what its header says (`opened`), how its pixels and profile are read.

Begin at `opened.py`, what every format gives; `read.py` names the formats."""
