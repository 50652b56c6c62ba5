"""The page: `python app.py`, then open http://127.0.0.1:7860. Also the Space's entry.

Environment variables set it up, all optional. SKIN_APP_WEIGHTS: other weights (a folder, or
owner/name@commit). GRADIO_SERVER_PORT, GRADIO_SERVER_NAME: where to listen. SKIN_APP_PASSWORD: a
password. docs/publishing.md lists all."""

import argparse
import signal
import sys
from os import _exit, environ

environ |= {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",  # else gradio keeps the names of 10,000 sessions
    # idle threads of the networks leave their core to others soon (benchmarks/busy_core.txt)
    "GOMP_SPINCOUNT": environ.get("GOMP_SPINCOUNT", "5000"),
}

from skin_app.ensemble import Ensemble
from skin_app.gallery.picture_cache import CacheError
from skin_app.gallery.similar_lesions import LesionPictures, PicturesError
from skin_app.hardware import describe
from skin_app.page.hosting import Hosting, where_to_listen
from skin_app.page.memory_pools import share_memory_pools
from skin_app.page.port import ServeError
from skin_app.page.uploads_and_sessions import Desk, private_folder
from skin_app.page.zero_gpu import gpu_for_a_call
from skin_app.weights.folder import WeightsError
from skin_app.weights.hub import bypass_proxies, proxy_fault
from skin_app.words import command_line as words
from skin_app.words.language import of_the_environment


def main() -> int:
    """Serve until interrupted, 0; 2 when the weights, the pictures or the address cannot be used."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    say = of_the_environment()
    share_memory_pools()
    for number in (signal.SIGTERM, signal.SIGINT):  # until the page is served
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        borrowed = gpu_for_a_call(environ)  # before the networks are loaded
        ensemble = Ensemble.load(environ.get("SKIN_APP_WEIGHTS"), or_embedded=True)
        ensemble.run_networks = borrowed(ensemble.run_networks)
        hosting = Hosting.from_environment(environ)
        pictures = LesionPictures.from_environment(ensemble.weights.thumbnails(), environ)
        where, desk = where_to_listen(environ), Desk()
        with private_folder(desk) as uploads:
            for warning in filter(None, (ensemble.weights.instead, proxy_fault())):
                print(say(words.WARNING, told=warning.said(say)), file=sys.stderr)
            if where.is_for_others and not hosting.password and "SPACE_ID" not in environ:
                print(say(words.WARNING, told=say(words.NO_PASSWORD_SET)), file=sys.stderr)
            print(where.said(say))
            print(say(words.RUNNING_ON, device=describe(ensemble.device)), flush=True)
            bypass_proxies(where.host)
            # only now: with some proxies gradio cannot even be imported
            from skin_app.page.build import build_page
            from skin_app.page.graceful_stop import GracefulStop
            from skin_app.page.request_log import start_log
            from skin_app.page.serve import serve

            start_log(hosting.log, ensemble.device.type)
            page, labels = build_page(ensemble, uploads, pictures, desk)
            stop = GracefulStop(
                page, lambda told, count: print(say.plural(told, count), file=sys.stderr, flush=True)
            )
            address = serve(page, where, labels, stop, hosting, ensemble)
            print(say(words.READY, address=address), flush=True)
            stop.stay()
            return stop.code
    except WeightsError as error:
        told = error.said(say)
        if "SKIN_APP_WEIGHTS" in environ:
            told = f"SKIN_APP_WEIGHTS: {told}"
        print(say(words.ERROR, told=told), file=sys.stderr)
        return 2
    except (PicturesError, CacheError, ServeError) as error:
        print(say(words.ERROR, told=error.said(say)), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    _exit(code)  # an interpreter that is taken down would crash the threads that still compute
