"""How gradio queues the page's events: which of them run at once, and what it does around them."""

import threading
from typing import Any

from skin_app.turns import Turns

# While one photo's networks run, the next is decoded and measured. `Ensemble.turns` decides who runs
# the networks next: single photos before those of batches.
NETWORKS: dict[str, Any] = {"concurrency_id": "networks", "concurrency_limit": 2}
# Of photos for the networks: the last of them is answered before the files of waiting calls are swept.
MOST_WAITING = 100
# A separate queue, so that single photos need not wait for a whole batch. Each batch keeps one of
# gradio's 40 threads: some stay free for single photos.
BATCHES: dict[str, Any] = {"concurrency_id": "batches", "concurrency_limit": 24}
# The batches of all visitors take turns, a photo each, so that none waits for all of another's, and
# only one of their photos is in memory.
TURNS = Turns()
# Of their own, because the ISIC Archive may take long.
PICTURES: dict[str, Any] = {"concurrency_id": "pictures", "concurrency_limit": 8}
# Set once the program is asked to end: batches end then with what they have.
STOPPING = threading.Event()
UPLOADS: dict[str, Any] = {"concurrency_id": "uploads", "concurrency_limit": 2}
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
# Even with type="filepath", gr.Image opens every upload with Pillow, which parses untrusted bytes, and
# writes what it shows to disk. Without its pre- and postprocessing we get the checked path and give a
# `data:` URL.
UNDECODED: dict[str, Any] = {"preprocess": False, "postprocess": False}
