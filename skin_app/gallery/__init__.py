"""Confirmed lesions: those nearest to a photo, their pictures, the patients they represent, their map.

Begin at `index.Gallery`. The index comes from the weights folder; pictures may also come from a local
HAM10000. Imports `weights`; runs no network."""
