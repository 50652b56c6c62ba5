"""The tab of one photo: `tab.py` says what stands where, `handlers.py` what happens."""
