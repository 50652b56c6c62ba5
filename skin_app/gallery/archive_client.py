"""Asks the public API of the ISIC Archive for single pictures, by their ids and nothing else.

`GET https://api.isic-archive.com/api/v2/images/ISIC_0024306/` gives JSON with `isic_id`,
`copyright_license`, `attribution`, `files.thumbnail_256.url` and `files.full.url`, or 404.
Confirmed in the archive's own source (github.com/ImageMarkup/isic): the path, these names and types,
the licences CC-0, CC-BY and CC-BY-NC, and that files lie in a public S3 bucket or behind signed links
of at most seven days. Seen in other public code: the hosts in `ISIC_ARCHIVE`. Not confirmed: how the
archive limits requests; 429 with Retry-After is assumed. Never tried against the archive itself.

Whatever it answers is untrusted. Requests and redirects go only to the origins of `ArchiveSite`, bodies
are read up to a limit and never decompressed, pictures are decoded by `read_photo`.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Annotated, cast
from urllib.parse import urljoin

import httpx
import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from torchvision.io import encode_jpeg

from skin_app.overlay import shrunk
from skin_app.photo.read import PhotoError, read_photo
from skin_app.words import archive as words
from skin_app.words.language import SpokenError

IMAGE_ID = re.compile(r"ISIC_\d{7}", re.ASCII)
AGENT = "skin-app research demo (pictures of similar lesions)"
STEP, WHOLE = 5.0, 15.0  # seconds: for a single network step, and for one picture with its JSON
MOST_JSON, MOST_IMAGE = 200_000, 5_000_000  # bytes
REDIRECTS = 3
LONGEST_WAIT = 600  # seconds that a Retry-After may ask for
USUAL_WAIT = 60  # seconds, where 429 states none
SIDE, QUALITY = 256, 85
LONGEST = 300  # characters of an attribution
OCTETS = ("application/octet-stream", "binary/octet-stream")  # S3 states these where nobody set a type

Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=4000)]


class ArchiveError(SpokenError, RuntimeError):
    """The archive gave no picture.

    `wait`: seconds for which it is left alone; 0 where only this picture failed.
    """

    wait = 0.0


class ArchiveAwayError(ArchiveError):
    """No connection, no answer in time, or a fault of the archive (5xx)."""

    wait = 20.0


class ArchiveBusyError(ArchiveError):
    """429; `wait`: the seconds that the archive asks for, at most `LONGEST_WAIT`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(words.BUSY, seconds=seconds)
        self.wait = float(seconds)


class ArchiveAnswerError(ArchiveError):
    """An answer that is not what the archive promises; nothing of it is used."""


@dataclass(frozen=True)
class ArchiveSite:
    """`api`: address of an image's JSON; `origins`: the only ones that are asked, scheme://host[:port]."""

    api: str
    origins: frozenset[str]

    def allows(self, url: str) -> bool:
        """Whether `url` lies on one of the origins, without user name or password."""
        try:
            asked = httpx.URL(url)
        except httpx.InvalidURL:
            return False
        return not asked.userinfo and f"{asked.scheme}://{asked.netloc.decode()}" in self.origins


ISIC_ARCHIVE = ArchiveSite(
    "https://api.isic-archive.com/api/v2/images/{image_id}/",
    frozenset(
        {
            "https://api.isic-archive.com",
            "https://content.isic-archive.com",
            "https://isic-archive.s3.amazonaws.com",
        }
    ),
)


@dataclass(frozen=True)
class ArchivePicture:
    """A file's bytes; `attribution` and `licence`: as the archive states them, one plain line each."""

    image: bytes
    attribution: str
    licence: str


class _File(BaseModel):
    model_config = ConfigDict(strict=True)
    url: Text


class _Files(BaseModel):
    full: _File
    thumbnail_256: _File


class _Answer(BaseModel):
    isic_id: Text
    copyright_license: Text
    attribution: Text
    files: _Files


class ArchiveClient:
    """Fetches pictures within an event loop; raises `ArchiveError`."""

    def __init__(
        self, site: ArchiveSite = ISIC_ARCHIVE, step: float = STEP, whole: float = WHOLE
    ) -> None:
        """`step`, `whole`: time limits in seconds, of one network step and of one picture."""
        self.site, self._step, self._whole = site, step, whole
        self._http: httpx.AsyncClient | None = None

    async def thumbnail(self, image_id: str) -> ArchivePicture:
        """The archive's thumbnail, encoded anew as a JPEG; each side at most `SIDE` pixels."""
        stated, data = await self._in_time(image_id, "thumbnail_256")
        return ArchivePicture(await asyncio.to_thread(_made_anew, data), *stated)

    async def full(self, image_id: str) -> ArchivePicture:
        """The whole file as sent, at most `MOST_IMAGE` bytes: untrusted, for `read_photo`."""
        stated, data = await self._in_time(image_id, "full")
        return ArchivePicture(data, *stated)

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()

    async def _in_time(self, image_id: str, size: str) -> tuple[tuple[str, str], bytes]:
        """Attribution and licence, and the bytes of the file `size`."""
        if not IMAGE_ID.fullmatch(image_id):
            raise ArchiveAnswerError(words.MISSING, image_id=image_id[:LONGEST])
        try:
            return await asyncio.wait_for(self._fetched(image_id, size), self._whole)
        except (asyncio.TimeoutError, httpx.TimeoutException) as error:
            raise ArchiveAwayError(words.SLOW) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ArchiveAwayError(words.UNREACHED) from error

    async def _fetched(self, image_id: str, size: str) -> tuple[tuple[str, str], bytes]:
        address = self.site.api.format(image_id=image_id)
        answer = await self._body(address, MOST_JSON, "application/json", image_id)
        found = _read_answer(answer, image_id)
        url = getattr(found.files, size).url
        stated = _plain(found.attribution), _plain(found.copyright_license)
        return stated, await self._body(url, MOST_IMAGE, "image/", image_id)

    async def _body(self, url: str, most: int, media_type: str, image_id: str) -> bytes:
        """What lies at `url`, after at most `REDIRECTS` redirects within the site."""
        for _ in range(REDIRECTS + 1):
            if not self.site.allows(url):
                raise ArchiveAnswerError(words.ELSEWHERE)
            async with self._client().stream("GET", url) as response:
                if response.is_redirect:
                    url = urljoin(url, response.headers["location"])
                    continue
                _check_status(response, image_id)
                _check_type(response.headers, media_type)
                return await _limited(response, most)
        raise ArchiveAnswerError(words.CHANGED)

    def _client(self) -> httpx.AsyncClient:
        """Made late, because it reads the proxies that the environment names."""
        if self._http is None:
            try:
                self._http = httpx.AsyncClient(
                    timeout=self._step,
                    cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                    headers={"User-Agent": AGENT, "Accept-Encoding": "identity"},
                )
            except (ValueError, ImportError) as error:  # a proxy that cannot be used
                raise ArchiveAwayError(words.UNREACHED) from error
        return self._http


def _check_status(response: httpx.Response, image_id: str) -> None:
    status = response.status_code
    if status == 200:
        return
    if status == 404:
        raise ArchiveAnswerError(words.MISSING, image_id=image_id)
    if status == 429:
        raise ArchiveBusyError(_asked_wait(response.headers))
    if status >= 500:
        raise ArchiveAwayError(words.FAULT, status=status)
    raise ArchiveAnswerError(words.REFUSED, status=status)


def _asked_wait(headers: Mapping[str, str]) -> int:
    """Seconds of Retry-After, a number or a date, between 1 and `LONGEST_WAIT`."""
    text = headers.get("retry-after", "").strip()
    try:
        if text.isascii() and text.isdecimal():
            seconds = int(text[:9])
        else:
            until = parsedate_to_datetime(text)
            now = datetime.now(until.tzinfo or timezone.utc)
            seconds = int((until.replace(tzinfo=now.tzinfo) - now).total_seconds())
    except ValueError:
        seconds = USUAL_WAIT
    return min(max(seconds, 1), LONGEST_WAIT)


def _check_type(headers: Mapping[str, str], wanted: str) -> None:
    stated = headers.get("content-type", "").partition(";")[0].strip().lower()
    fits = stated.startswith(wanted) or (wanted == "image/" and stated in OCTETS)
    # a small body that is compressed may have any size
    if not fits or headers.get("content-encoding", "identity").lower() != "identity":
        raise ArchiveAnswerError(words.NO_IMAGE if wanted == "image/" else words.CHANGED)


async def _limited(response: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most:
            raise ArchiveAnswerError(words.TOO_LARGE, limit=f"{most / 1e6:g}")
    return bytes(body)


def _read_answer(data: bytes, image_id: str) -> _Answer:
    try:
        answer = _Answer.model_validate_json(data)
    except ValidationError as error:
        raise ArchiveAnswerError(words.CHANGED) from error
    stated = _plain(answer.attribution), _plain(answer.copyright_license)
    if answer.isic_id != image_id or not all(stated):
        raise ArchiveAnswerError(words.CHANGED)
    return answer


def _plain(text: str) -> str:
    """One line of printable characters, cut to `LONGEST`."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _made_anew(data: bytes) -> bytes:
    """The picture in `data`, decoded, shrunk to `SIDE` and encoded by this program."""
    try:
        pixels = shrunk(read_photo(data).pixels, SIDE)
    except PhotoError as error:
        raise ArchiveAnswerError(words.NO_IMAGE) from error
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).contiguous()
    return cast(torch.Tensor, encode_jpeg(image, quality=QUALITY)).numpy().tobytes()
