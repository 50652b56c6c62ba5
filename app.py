"""The page: `python app.py`, then open http://127.0.0.1:7860. Also the Space's entry.

SKIN_APP_WEIGHTS: other weights (folder or owner/name@revision); SKIN_APP_HAM10000: its images, to show
similar lesions; GRADIO_SERVER_PORT or PORT, GRADIO_SERVER_NAME: where to listen."""

import argparse
import signal
import sys
from os import environ

environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}

from skin_app.ensemble import Ensemble
from skin_app.interface.page import build_page
from skin_app.interface.serving import PortError, serve
from skin_app.interface.uploads import private_folder
from skin_app.pictures import LesionPictures, PicturesError
from skin_app.weights import WeightsError


def main() -> int:
    """Serve until interrupted; 2 when the weights, the pictures or the port cannot be used."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    name = environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if environ.get("SPACE_ID") else "127.0.0.1")
    port = environ.get("GRADIO_SERVER_PORT") or environ.get("PORT") or "7860"
    try:
        ensemble = Ensemble.load(environ.get("SKIN_APP_WEIGHTS"))
        pictures = LesionPictures(ensemble.weights, environ.get("SKIN_APP_HAM10000"))
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
