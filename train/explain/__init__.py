"""What the networks look at and confuse: confused pairs, saliency, maps of other methods, t-SNE.

Imports `data`, `engine` and `scores`. Begin at `pairs.confused_pairs`."""
