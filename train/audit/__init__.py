"""How far an answer can be trusted: limits fitted on some lesions and measured on others.

One module for each question. Begin at `out_of_fold.py`, on which all of them build;
`train.release.audit_weights` runs them all. Imports the rooms before it, never `documents` or
`release`."""
