"""HAM10000 for training: read, checked, divided into folds, decoded, augmented, damaged on purpose.

Begin at `ham10000.read_dataset`. Imports `skin_app` and nothing of `train`."""
