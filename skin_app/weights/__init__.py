"""A weights folder: found (embedded, local, or on the Hub), verified file by file, and read.

Begin at `folder.open_weights`; `contract.Contract` is what `ensemble.json` holds. Imports the rest of
`skin_app` but not the page, the report, or the ensemble."""
