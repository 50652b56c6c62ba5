"""The tab of one photo. Begin at `tab.py`, the layout; `handlers.py` handles the events."""
