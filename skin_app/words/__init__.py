"""The English sentences of page and report, and their translations.

One module per place, or per set of identifiers (outcomes and reasons, faults of a photo); `de.json`
maps sentences to German. A sentence that refuses a photo stands where it is raised (`PhotoError`), but
its translation is here. Imports only the identifiers that it puts into words. Begin with the module of
the place that you look at."""
