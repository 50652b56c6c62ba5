"""The tab of one photo. Begin at `tab.py`, what stands where; `handlers.py` is what happens."""
