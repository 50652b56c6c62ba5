"""The tab of several photos: one lesion from several angles, or many lesions. Begin at `tab.py`."""
