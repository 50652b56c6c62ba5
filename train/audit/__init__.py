"""How far an answer can be trusted: limits fitted on some lesions and measured on others.

One module for each question. Begin at `bench.py`, what they all start from; `train.release.audit`
runs all of them. Imports the rooms before it, never `documents` or `release`."""
