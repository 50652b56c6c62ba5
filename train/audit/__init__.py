"""How far an answer can be trusted: limits fitted on some lesions and measured on others.

One module for each question; begin at `calibrate.calibrate`, which runs all of them, and at `bench.py`,
what they all start from. Imports the rooms of training, never `release`."""
