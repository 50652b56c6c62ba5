"""What is left of an upload that does not end well."""

import asyncio
import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from gradio.route_utils import FileUploadProgress

from skin_app.page import broken_uploads
from tests.page.conftest import Served

BOUNDARY = "aBoundary"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(content: bytes, field: str = "files", name: str = "a.jpg") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def soon(holds: Callable[[], bool], tries: int = 200) -> bool:
    for _ in range(tries):
        if holds():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def empty(served: Served) -> Served:
    for path in served.files():
        path.unlink()
    return served


def test_an_upload_that_breaks_off_leaves_no_file(empty: Served) -> None:
    connection = http.client.HTTPConnection(empty.url.split("/")[2])
    connection.putrequest("POST", "/gradio_api/upload")
    for name, value in {**MULTIPART, "Content-Length": "5000000"}.items():
        connection.putheader(name, value)
    connection.endheaders(form(b"x" * 100_000)[:90_000])
    assert soon(lambda: any(path.stat().st_size for path in empty.files()))
    (arriving,) = empty.files()
    assert len(arriving.name) > 32  # nobody guesses it
    connection.close()
    assert soon(lambda: not empty.files())


def test_a_file_in_a_field_that_nobody_reads_is_deleted(empty: Served) -> None:
    url = f"{empty.url}gradio_api/upload"
    with urlopen(Request(url, form(b"x", field="other"), MULTIPART)) as answer:
        assert json.load(answer) == []
    assert empty.files() == []


def test_a_name_that_is_refused_leaves_no_file(empty: Served) -> None:
    with pytest.raises(HTTPError):
        urlopen(Request(f"{empty.url}gradio_api/upload", form(b"x", name=".."), MULTIPART))
    assert empty.files() == []


def test_the_names_of_files_are_forgotten_after_the_upload(
    empty: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broken_uploads, "PROGRESS_ENDS_AFTER", 0.0)
    url = f"{empty.url}gradio_api/upload?upload_id=guessed"
    with urlopen(Request(url, form(b"x", name="Jane Doe.jpg"), MULTIPART)) as answer:
        assert len(json.load(answer)) == 1
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{empty.url}gradio_api/upload_progress?upload_id=guessed")
    assert refused.value.code == 404


def test_nothing_is_kept_of_an_upload_that_nobody_sends() -> None:
    broken_uploads.delete_broken_uploads()
    progress = FileUploadProgress()

    async def asked() -> bool:
        waiting = asyncio.create_task(progress.is_tracked("unknown"))
        await asyncio.sleep(0)
        assert "unknown" in progress._signals
        waiting.cancel()
        await asyncio.wait([waiting])
        following = asyncio.create_task(progress.is_tracked("known"))
        await asyncio.sleep(0)
        progress.track("known")
        return await following

    with ThreadPoolExecutor(1) as apart:  # the browser's loop runs in this thread
        assert apart.submit(asyncio.run, asked()).result()
    assert list(progress._signals) == ["known"]
