"""When uploads that no request named are deleted."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from limits import RateLimitItemPerMinute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from skin_app.page import unnamed_uploads
from skin_app.page.request_limits import RequestLimits
from skin_app.page.unnamed_uploads import remember
from tests.page.conftest import Served
from tests.page.test_broken_uploads import MULTIPART, form, soon

SILENT_FOR = 0.3
UPLOAD, CALL = "/gradio_api/upload", "/gradio_api/call/score"


class Page:
    """Stands in for gradio: keeps what is uploaded in `folder`; other requests end when `go` is set."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.go = folder, asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == UPLOAD:
            name = (await Request(scope, receive).body()).decode()
            upload = self.folder / f"of-{name}" / name
            upload.parent.mkdir()
            upload.write_bytes(b"x")
            os.utime(upload, (0, 0))  # some time ago
            remember(scope, [str(upload)])
        else:
            await self.go.wait()
        await Response()(scope, receive, send)

    def left(self) -> list[str]:
        return sorted(name for _, _, names in os.walk(self.folder) for name in names)

    async def stays(self, *names: str) -> None:
        """Check that of the uploads just these are left after a silence."""
        for _ in range(200):
            await asyncio.sleep(0.05)
            if self.left() == [*names]:
                break
        await asyncio.sleep(2 * SILENT_FOR)
        assert self.left() == [*names]


class Client:
    """A client of `page` behind the limits, with its own address."""

    def __init__(self, limits: RequestLimits, host: str = "192.0.2.1") -> None:
        transport = httpx.ASGITransport(limits, client=(host, 1))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://page")

    async def upload(self, name: str) -> int:
        return (await self.http.post(UPLOAD, content=name.encode())).status_code

    async def begin(self) -> asyncio.Task[httpx.Response]:
        """A request that is under way from now on."""
        task = asyncio.create_task(self.http.get("/gradio_api/heartbeat/x"))
        await asyncio.sleep(0)
        return task


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unnamed_uploads, "SILENT_FOR", SILENT_FOR)


def limits(
    page: Page, rate: int = 1000, waiting: Callable[[str], int] = lambda _client: 0
) -> RequestLimits:
    return RequestLimits(page, RateLimitItemPerMinute(rate), 3, waiting)


def run(story: Callable[[Page], Coroutine[Any, Any, None]], folder: Path) -> None:
    async def told() -> None:
        await story(Page(folder))

    with ThreadPoolExecutor(1) as apart:  # the browser's loop may run in this thread
        apart.submit(asyncio.run, told()).result()


def test_uploads_of_a_silent_client_go_and_those_of_another_stay(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        before = limits(page)
        one, other = Client(before), Client(before, "192.0.2.2")
        for name in ("a", "b", "c"):
            assert await one.upload(name) == 200
        under_way = await other.begin()
        await other.upload("d")
        await page.stays("d")
        page.go.set()
        await under_way
        await page.stays()
        assert list(tmp_path.iterdir()) == []

    run(story, tmp_path)


def test_no_upload_goes_while_its_client_sends_more(tmp_path: Path) -> None:
    """One file after the other, which together take much longer than a client may be silent."""

    async def story(page: Page) -> None:
        client = Client(limits(page))
        names = [f"{number:02}" for number in range(20)]
        for name in names:
            await client.upload(name)
            await asyncio.sleep(SILENT_FOR / 6)
        assert page.left() == names
        await page.stays()

    run(story, tmp_path)


def test_what_the_page_was_told_to_hold_stays(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        client = Client(limits(page))
        for name in ("chosen", "forgotten"):
            await client.upload(name)
        os.utime(tmp_path / "of-chosen" / "chosen")  # as `keep` does
        await page.stays("chosen")

    run(story, tmp_path)


def test_nothing_goes_while_a_call_of_its_client_waits(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        waiting = {"192.0.2.1": 1}
        client = Client(limits(page, waiting=lambda client: waiting[client]))
        await client.upload("named")
        await page.stays("named")
        waiting["192.0.2.1"] = 0
        await page.stays()

    run(story, tmp_path)


def test_a_client_that_is_told_to_wait_finds_its_uploads_after_that(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        client = Client(limits(page, rate=1))
        assert await client.upload("a") == 200
        assert await client.upload("b") == 429
        await page.stays("a")

    run(story, tmp_path)


def test_files_that_are_gone_are_forgotten_while_their_client_stays(tmp_path: Path) -> None:
    async def story(page: Page) -> None:
        before = limits(page)
        client = Client(before)
        for name in ("a", "b", "c"):
            await client.upload(name)
            (tmp_path / f"of-{name}" / name).unlink()
        await client.upload("d")
        assert [path.name for path in before.unnamed._arrived["192.0.2.1"]] == ["d"]

    run(story, tmp_path)


def test_the_page_deletes_an_upload_once_its_client_is_silent(served: Served) -> None:
    for path in served.files():
        path.unlink()
    with (
        httpx.Client(base_url=served.url, trust_env=False, timeout=60) as client,
        client.stream("GET", "gradio_api/heartbeat/someone") as under_way,
    ):
        beats = under_way.iter_raw()
        next(beats)
        client.post("gradio_api/upload", content=form(b"x"), headers=MULTIPART).raise_for_status()
        assert not soon(lambda: not served.files(), tries=20)
    assert soon(lambda: not served.files())
