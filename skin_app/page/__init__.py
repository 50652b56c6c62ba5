"""The gradio page: `build.build_page` puts the tabs together, `serve.serve` serves them.

A room for each larger tab (`one_photo`, `several`, `evidence`), one module for each smaller part. Only
here is gradio imported. Begin at `build.py`; `api.py` is the machine API."""
