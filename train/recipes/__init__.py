"""The settings of training runs: recipes, published and our own, and the studies that compare them.

Begin at `recipe.Recipe`; `published.py` holds the recipes by name, `studies.py` the studies. Imports
`train.data`."""
