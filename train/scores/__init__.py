"""How good the predictions are: scores with intervals, studies and their paired differences.

Begin at `metrics.scores`. `evidence.py` reads and keeps the predictions of a run; `study.py` runs a
study, `measure.py` gives its numbers, `shipped.py` those of the weights. Imports `data`, `recipes` and
`engine`."""
