"""Turns an untrusted image file into a `Photo` (sRGB pixels). Begin at `read.read_photo`.

Limits on bytes and pixels are in `limits`; a new format gets a module in `formats/` and a line in
`read`. Imports `words` and decoding libraries; knows nothing of networks."""
