"""Trains: the folder of a run, and one fold from start weights to held-out predictions.

Begin at `fold.train_fold`. `overwriting.py` says which files each verb may replace. Imports
`train.data` and `train.recipes`."""
