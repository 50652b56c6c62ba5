"""From finished runs to a weights folder, its model card, and the Hugging Face Hub.

Begin at `assemble.assemble` and `publish.publish`. Imports `data`, `engine`, `scores`, `audit` and
`documents`."""
