"""The English sentences of page and report, and their translations.

One module for each place where sentences are shown; those of page and report alike are in `outcome.py`
and `photo.py`. `language.py` translates them by the gettext catalogues in `locale`, and numbers.
A sentence that refuses a photo stands where it is raised (`PhotoError`), but its translation is here.
Imports nothing of the program. Begin with the module of the place that you look at."""
