"""How far an answer can be trusted: limits fitted on some lesions and measured on others.

One module for each question. Begin at `out_of_fold.OutOfFold`, which most of them measure.
`train.release.audit_weights` runs all but `several_angles`, which is a command of its own. Imports
`data`, `scores` and `explain`."""
