"""The page: `python app.py`, then open http://127.0.0.1:7860. Also the Space's entry.

SKIN_APP_WEIGHTS: a weights folder or owner/name@revision, instead of the embedded weights.
SKIN_APP_HAM10000: a folder with HAM10000's images, to show those of similar lesions.
GRADIO_SERVER_PORT (or PORT) and GRADIO_SERVER_NAME: where to listen."""

import os
import signal
import sys
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from skin_app.ensemble import Ensemble
from skin_app.interface.page import build_page
from skin_app.interface.serving import PortError, serve
from skin_app.interface.uploads import private_folder
from skin_app.pictures import LesionPictures, PicturesError
from skin_app.weights import WeightsError


def main() -> int:
    """Serve until interrupted; 2 when the weights or the port cannot be used."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    name = os.environ.get("GRADIO_SERVER_NAME")
    name = name or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")
    port = os.environ.get("GRADIO_SERVER_PORT") or os.environ.get("PORT") or "7860"
    try:
        ensemble = Ensemble.load(os.environ.get("SKIN_APP_WEIGHTS"))
        images = os.environ.get("SKIN_APP_HAM10000")
        pictures = LesionPictures(ensemble.weights, Path(images) if images else None)
        with private_folder() as uploads:
            print(f"Starting the page on http://{name}:{port}", flush=True)
            page, labels = build_page(ensemble, uploads, pictures)
            serve(page, name, port, labels=labels)
    except (WeightsError, PicturesError, PortError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
