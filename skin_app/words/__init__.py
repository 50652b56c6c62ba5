"""The English sentences of page, report, command line and API, and their translations.

One module for each place where sentences are shown; those of page and report alike are in `outcome.py`
and `photo.py`. `language.py` translates them by the gettext catalogues in `locale`, and numbers.
The sentence of an error stands where it is raised (`SpokenError`), but its translation is here.
Imports nothing of the program. Begin with the module of the place that you look at."""
