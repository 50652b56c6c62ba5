"""Every English sentence of the page, the report and the errors, and their translations.

A module for each place where they are shown; `de.json` maps each sentence to its translation. Imports
nothing but the diagnoses and outcomes that it names. Begin with the module of the place you look at."""
