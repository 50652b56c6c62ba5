"""How good the predictions are: scores with intervals, paired differences, groups of patients.

Begin at `metrics.scores`; `evidence.py` keeps a run's predictions so that all of it can be computed
again without images. Imports `data`, `recipes` and `engine`."""
