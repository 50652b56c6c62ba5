"""Labelled images: reads, checks, splits, decodes and augments them; damages them on purpose.

Begin at `ham10000.read_dataset`. Imports `skin_app` and nothing of `train`."""
