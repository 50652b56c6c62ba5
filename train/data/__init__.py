"""Labelled images: reads, checks, splits, decodes and augments them; draws and damages pictures.

Begin at `ham10000.read_dataset`. Imports `skin_app` and nothing of `train`."""
