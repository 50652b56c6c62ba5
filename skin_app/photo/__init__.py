"""Turns an untrusted image file into a `Photo` (sRGB pixels). Begin at `read.read_photo`.

Imports `words` and decoding libraries; knows nothing of networks. A new format gets a module in
`formats/` and a line in `read.py`."""
