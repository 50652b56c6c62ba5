"""The Evidence tab: what was measured about the loaded weights. Begin at `tab.py`."""
