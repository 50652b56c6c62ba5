"""Confirmed lesions: the nearest ones to a photo, their pictures, whom they represent, and their map.

Begin at `index.Gallery`. The index comes from the weights folder, pictures also from a local HAM10000.
Imports `weights`; no network is run."""
