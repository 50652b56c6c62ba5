"""How good the predictions are: scores with intervals, and paired differences.

Begin at `metrics.scores`. `evidence.py` reads and keeps the predictions of a run; `evaluate.py` scores
weights, `study_numbers.py` the settings of a study. Imports `data`, `recipes` and `engine`."""
