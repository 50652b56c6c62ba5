"""A weights folder: found (embedded, local, or on the Hub), verified file by file, and read.

Begin at `folder.open_weights`; `contract.Contract` is what `ensemble.json` holds. Imports `words`,
`gallery` and modules that need no weights, such as `network` and `trust`."""
