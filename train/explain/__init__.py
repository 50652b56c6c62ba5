"""What the networks look at and mix up: confused pairs, saliency, guided back-propagation, t-SNE.

Begin at `pairs.confused_pairs`. Imports `data`, `recipes`, `engine` and `scores`."""
