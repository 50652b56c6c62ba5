"""The gradio page: `build.build_page` puts the tabs together, `serve.serve` serves them.

Only here is gradio imported. Begin at `build.py`. Each `*_tab.py` lays out one tab and handles its
events; `*_panels.py`, `similar_panel.py`, `heatmap_figure.py` and `evidence_tab.py` fill
`templates/*.html`; `batch.py` and `one_photo_handlers.py` hold no gradio. `api.py` is the machine API.
"""
