"""How good the predictions are: scores with intervals, studies and their paired differences.

Begin at `metrics.scores`. `evidence.py` reads and keeps the predictions of a run; `study.py` runs a
study, `study_numbers.py` measures it, `weights_numbers.py` measures the shipped weights. Imports
`data`, `recipes` and `engine`."""
