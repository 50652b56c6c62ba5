"""Confirmed lesions: the nearest ones to a photo, their pictures, whom they represent, and their map.

Begin at `index.Gallery`. What is here comes from the weights folder; no network is run."""
