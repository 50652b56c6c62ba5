"""Downloads weights from the Hugging Face Hub, pinned to one commit, with bounded waiting."""

import logging
import math
import time
from pathlib import Path
from typing import Any

from huggingface_hub import constants, get_session, set_client_factory, snapshot_download
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import hf_raise_for_status

from skin_app.weights.hub_faults import FAULTS, HTTP, HubError, explained, wanted_wait

__all__ = ["HubError", "be_patient", "download"]

FILES = ["*.json", "*.safetensors", "*.csv", "*.md", "thumbnails/*"]
PASSING = (408, 429, 500, 502, 503, 504)  # the client asks again after these
PATIENCE = 5.0  # seconds of retries; by default, the client waits as long as a server says
SILENCE = float(constants.HF_HUB_ETAG_TIMEOUT)  # seconds; by default, the client waits for ever


def download(repo: str, commit: str) -> Path:
    """The folder of `repo` at `commit`; from the cache where it is complete. Raises `HubError`."""
    try:
        be_patient(SILENCE, PATIENCE)
        return Path(snapshot_download(repo, revision=commit, allow_patterns=FILES))
    except FAULTS as error:
        raise explained(error, repo, commit) from error


def be_patient(silence: float, patience: float) -> None:
    """Let the Hub's client wait `silence` seconds for an answer, and try for `patience` seconds."""
    # its log of every retry would hide our error message
    logging.getLogger("huggingface_hub.utils._http").setLevel(logging.ERROR)
    hooks = get_session().event_hooks  # the client's own: offline mode, numbers of requests
    trouble = _Trouble(patience)
    set_client_factory(lambda: _Client(trouble, silence, event_hooks=hooks, follow_redirects=True))


class _Trouble:
    """Tracks since when all requests have failed; shared by all clients."""

    def __init__(self, patience: float) -> None:
        self.patience, self.since = patience, math.inf

    def over(self) -> None:
        self.since = math.inf

    def is_enough(self, wait: float = 0) -> bool:
        """Whether to give up instead of waiting `wait` seconds more."""
        self.since = min(self.since, time.monotonic())
        return time.monotonic() + wait - self.since >= self.patience


class _GaveUp(OfflineModeIsEnabled):
    """Makes the Hub's client stop retrying and use its cache if that is complete."""


class _Client(HTTP.Client):
    def __init__(self, trouble: _Trouble, silence: float, **options: Any) -> None:
        super().__init__(timeout=silence, **options)
        self.trouble, self.silence = trouble, silence

    def send(self, request: Any, **options: Any) -> Any:
        given = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            step: min(self.silence, math.inf if given.get(step) is None else given[step])
            for step in ("connect", "read", "write", "pool")
        }
        try:
            response = super().send(request, **options)
        except HTTP.ProxyError:  # the Hub's client does not try again after this
            raise
        except (HTTP.TimeoutException, HTTP.NetworkError, HTTP.RemoteProtocolError) as error:
            if self.trouble.is_enough():
                raise _GaveUp(str(error)) from error
            raise
        if response.status_code not in PASSING:
            self.trouble.over()
        elif self.trouble.is_enough(wanted_wait(response.headers) or 0):
            hf_raise_for_status(response)
        return response
