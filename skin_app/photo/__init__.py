"""An image file from outside becomes a `Photo`, sRGB pixels alone. Begin at `read.read_photo`.

Imports `words` and libraries that decode; knows nothing of networks. A format that is not read yet gets
a module in `formats/` and a line in `read.py`."""
