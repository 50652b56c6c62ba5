"""docs/results.md, docs/trust.md and docs/flagship.md, written from measured numbers.

Begin at `results.write_results` and `trust_document.write_document`."""
