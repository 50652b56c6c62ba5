"""docs/results.md, docs/flagship.md, docs/trust.md, the model card and README's score table.

Begin at `results_document.write_results`, `trust_document.write_document` and
`card_and_readme.model_card`. The texts are in `templates`. Imports `data`, `recipes`, `engine`,
`scores` and `explain`."""
