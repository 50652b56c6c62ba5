"""Pictures of the ISIC Archive: asked politely, taken only as promised, whatever the archive does."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from skin_app.gallery.archive_client import (
    ISIC_ARCHIVE,
    LONGEST,
    LONGEST_WAIT,
    SIDE,
    USUAL_WAIT,
    ArchiveAnswerError,
    ArchiveAwayError,
    ArchiveBusyError,
    ArchiveClient,
    ArchiveError,
    ArchivePicture,
    ArchiveSite,
)
from skin_app.photo.read import read_photo
from skin_app.words import archive as words
from tests.archive import (
    ATTRIBUTION,
    LICENCE,
    Answer,
    ArchiveStandIn,
    archive_stand_in,
    dripping,
    endless,
    jpeg,
    says,
    silent,
    states,
)

ID = "ISIC_0024306"


@pytest.fixture
def archive() -> Iterator[ArchiveStandIn]:
    with archive_stand_in() as standing_in:
        yield standing_in


def got(client: ArchiveClient, image_id: str = ID, full: bool = False) -> ArchivePicture:
    async def ask() -> ArchivePicture:
        try:
            return await (client.full(image_id) if full else client.thumbnail(image_id))
        finally:
            await client.close()

    return asyncio.run(ask())


def refused(client: ArchiveClient, image_id: str = ID) -> ArchiveError:
    with pytest.raises(ArchiveError) as caught:
        got(client, image_id)
    return caught.value


def test_a_thumbnail_comes_made_anew_with_attribution_and_licence(archive: ArchiveStandIn) -> None:
    archive.answers["/files"] = says(200, jpeg(600, 450), "image/jpeg")
    found = got(archive.client())
    assert (found.attribution, found.licence) == (ATTRIBUTION, LICENCE)
    pixels = read_photo(found.image).pixels
    assert pixels.shape == (192, SIDE, 3)
    assert archive.asked == [f"/api/{ID}/", f"/files/{ID}/thumbnail.jpg?Expires=1&Signature=x"]
    assert [agent.startswith("skin-app") for agent in archive.agents] == [True]


def test_the_full_picture_is_the_file_as_it_was_sent(archive: ArchiveStandIn) -> None:
    assert got(archive.client(), full=True).image == jpeg()
    assert archive.asked[1] == f"/files/{ID}/full.jpg"


def test_storage_that_states_no_type_is_enough_because_the_content_decides(
    archive: ArchiveStandIn,
) -> None:
    archive.answers["/files"] = says(200, jpeg(), "binary/octet-stream")
    assert got(archive.client()).licence == LICENCE


@pytest.mark.parametrize("image_id", ["../admin", "ISIC_12", f"{ID}/", "ISIC_00243٠٦", f"{ID}\n", ""])
def test_only_ids_of_the_archive_are_asked_for(archive: ArchiveStandIn, image_id: str) -> None:
    assert isinstance(refused(archive.client(), image_id), ArchiveAnswerError)
    assert archive.asked == []


@pytest.mark.parametrize(
    ("place", "answer", "kind", "sentence"),
    [
        ("/api", silent, ArchiveAwayError, words.SLOW),
        ("/files", silent, ArchiveAwayError, words.SLOW),
        ("/api", says(404), ArchiveAnswerError, words.MISSING),
        ("/api", says(403), ArchiveAnswerError, words.REFUSED),
        ("/api", says(500), ArchiveAwayError, words.FAULT),
        ("/files", says(503), ArchiveAwayError, words.FAULT),
        ("/api", says(429), ArchiveBusyError, words.BUSY),
        ("/api", says(200, b"<html>", "text/html"), ArchiveAnswerError, words.CHANGED),
        ("/api", says(200, b"{", "application/json"), ArchiveAnswerError, words.CHANGED),
        ("/api", says(200, b"[" * 90_000, "application/json"), ArchiveAnswerError, words.CHANGED),
        ("/api", says(200, b" " * 300_000, "application/json"), ArchiveAnswerError, words.TOO_LARGE),
        ("/api", says(204), ArchiveAnswerError, words.REFUSED),
        ("/files", says(200, b"<html>", "text/html"), ArchiveAnswerError, words.NO_IMAGE),
        ("/files", says(200, b"<svg/>", "image/svg+xml"), ArchiveAnswerError, words.NO_IMAGE),
        ("/files", says(200, jpeg()[:999], "image/jpeg"), ArchiveAnswerError, words.NO_IMAGE),
        ("/files", says(200, b"", "image/jpeg"), ArchiveAnswerError, words.NO_IMAGE),
        ("/files", says(200, bytes(50_000_000), "image/jpeg"), ArchiveAnswerError, words.TOO_LARGE),
        ("/files", endless, ArchiveAnswerError, words.TOO_LARGE),
        ("/api", says(302, Location="file:///etc/passwd"), ArchiveAnswerError, words.ELSEWHERE),
        ("/api", says(302, Location="http://127.0.0.1:9/"), ArchiveAnswerError, words.ELSEWHERE),
        ("/files", says(302, Location="//elsewhere.example/"), ArchiveAnswerError, words.ELSEWHERE),
        ("/files", says(302, Location="/files/again"), ArchiveAnswerError, words.CHANGED),
    ],
)
def test_every_fault_is_one_sentence(
    archive: ArchiveStandIn, place: str, answer: Answer, kind: type[ArchiveError], sentence: str
) -> None:
    archive.answers[place] = answer
    error = refused(archive.client(step=0.5))
    assert type(error) is kind
    assert error.sentence == sentence
    assert "{" not in str(error)
    assert len(archive.asked) <= 5


def test_a_server_that_drips_is_given_up_as_a_whole(archive: ArchiveStandIn) -> None:
    archive.answers["/api"] = dripping
    assert refused(archive.client(step=5, whole=0.6)).sentence == words.SLOW


def test_a_compressed_body_is_refused_because_it_may_grow_without_limit(
    archive: ArchiveStandIn,
) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    archive.answers["/files"] = says(200, bomb, "image/jpeg", Content_Encoding="gzip")
    assert refused(archive.client()).sentence == words.NO_IMAGE


def test_a_redirect_within_the_archive_is_followed(archive: ArchiveStandIn) -> None:
    archive.answers[f"/files/{ID}/thumb"] = says(302, Location=f"/files/{ID}/moved.jpg")
    assert got(archive.client()).licence == LICENCE
    assert archive.asked[-1] == f"/files/{ID}/moved.jpg"


def stating(**changes: Any) -> dict[str, Any]:
    return {"isic_id": ID, "copyright_license": "CC-0", "attribution": "Somebody"} | changes


@pytest.mark.parametrize(
    "stated",
    [
        {"isic_id": "ISIC_0000001"},
        {"copyright_license": None},
        {"copyright_license": "  "},
        {"attribution": 7},
        {"attribution": "x" * 5000},
        {"files": {}},
        {"files": {"full": {"url": "x"}, "thumbnail_256": {"url": ["x"]}}},
    ],
)
def test_json_that_is_not_what_was_promised_is_not_used(
    archive: ArchiveStandIn, stated: dict[str, Any]
) -> None:
    archive.stated |= stated
    assert refused(archive.client()).sentence == words.CHANGED
    assert len(archive.asked) == 1


@pytest.mark.parametrize("answer", [None, [], "text", 3, stating()])
def test_json_of_another_shape_is_not_used(archive: ArchiveStandIn, answer: Any) -> None:
    archive.answers["/api"] = states(answer)
    assert refused(archive.client()).sentence == words.CHANGED


def test_what_the_archive_states_becomes_one_line_of_plain_text(archive: ArchiveStandIn) -> None:
    archive.stated["attribution"] = "A\n<b>B</b>\t\u202e" + "c" * 400
    attribution = got(archive.client()).attribution
    assert attribution.startswith("A <b>B</b> c")  # escaped where it is shown
    assert len(attribution) == LONGEST
    assert "\u202e" not in attribution


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        *(("7", 7), ("0", 1), ("999999", LONGEST_WAIT), ("soon", USUAL_WAIT), ("", USUAL_WAIT)),
        *(("Thu, 01 Jan 2099 00:00:00 GMT", LONGEST_WAIT), ("Thu, 01 Jan 1970 00:00:00 GMT", 1)),
        ("9" * 5000, LONGEST_WAIT),
    ],
)
def test_the_archive_is_left_alone_as_long_as_it_asks_up_to_a_limit(
    archive: ArchiveStandIn, asked: str, seconds: int
) -> None:
    archive.answers["/api"] = says(429, Retry_After=asked)
    error = refused(archive.client())
    assert isinstance(error, ArchiveBusyError)
    assert error.wait == seconds


def test_nobody_there_and_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    away = ArchiveSite("http://127.0.0.1:9/{image_id}", frozenset({"http://127.0.0.1:9"}))
    assert refused(ArchiveClient(away)).sentence == words.UNREACHED
    monkeypatch.setenv("all_proxy", "gopher://127.0.0.1:9")
    assert refused(ArchiveClient(away)).sentence == words.UNREACHED


@pytest.mark.parametrize(
    "url",
    [
        *("http://api.isic-archive.com/", "https://api.isic-archive.com:444/", "file:///etc/passwd"),
        *("https://api.isic-archive.com@elsewhere.example/", "https://me@api.isic-archive.com/"),
        *("https://api.isic-archive.com.elsewhere.example/", "https://[", "//api.isic-archive.com/"),
        *("https://content.isic-archive.com\t.elsewhere.example/", "", "https://127.0.0.1/"),
    ],
)
def test_nothing_but_the_archive_by_https_is_asked(url: str) -> None:
    assert not ISIC_ARCHIVE.allows(url)


def test_the_archives_own_addresses_are_allowed() -> None:
    assert ISIC_ARCHIVE.allows(ISIC_ARCHIVE.api.format(image_id=ID))
    assert ISIC_ARCHIVE.allows("https://isic-archive.s3.amazonaws.com/thumbnails/x.jpg")
    assert json.dumps(sorted(ISIC_ARCHIVE.origins)).count("https://") == len(ISIC_ARCHIVE.origins)
