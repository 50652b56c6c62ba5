"""Confirmed lesions: those nearest to a photo, their pictures, their patients, and a map of them.

Begin at `similar_lesions.Gallery`. All is read from a weights folder; pictures may also come from a
local HAM10000 or, when a reader asks for them, from the ISIC Archive (`archive_pictures`). Runs no
neural network."""
