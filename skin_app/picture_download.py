"""`python -m skin_app pictures`: fetches the gallery's pictures, for a machine that goes offline."""

import sys
import time
from collections.abc import Callable, Sequence

from tqdm import tqdm

from skin_app.gallery.archive_client import IMAGE_ID, ArchiveAwayError, ArchiveError
from skin_app.gallery.archive_pictures import ArchivePictures
from skin_app.words import command_line as words
from skin_app.words.language import Say, SpokenError

BATCH = 8
TRIES = 4  # for pictures that the archive does not give now
PATIENCE = 120.0  # seconds for a batch


class DownloadError(SpokenError, ValueError):
    """Pictures cannot be kept."""


def download_pictures(
    say: Say, ids: Sequence[str], archive: ArchivePictures, rest: Callable[[float], None] = time.sleep
) -> int:
    """Keep the pictures `ids` that are not kept yet, and say how many; returns how many are missing.

    `rest`: waits for the seconds that the archive wants to be left alone. Raises `DownloadError`, and
    `ArchiveError` when the archive gives none for long.
    """
    if strangers := [image_id for image_id in ids if not IMAGE_ID.fullmatch(image_id)]:
        raise DownloadError(
            "“{name}” is no id of the ISIC Archive, such as ISIC_0024306.", name=strangers[0]
        )
    ids = list(dict.fromkeys(ids))
    left = [image_id for image_id in ids if archive.cache.get(image_id) is None]
    missing: dict[str, ArchiveError] = {}
    with tqdm(total=len(ids), initial=len(ids) - len(left), unit="picture", mininterval=2) as bar:
        for start in range(0, len(left), BATCH):
            few = left[start : start + BATCH]
            missing |= _fetched(few, archive, rest, is_first=start == 0)
            bar.update(len(few))
    fetched = len(left) - len(missing)
    for image_id, error in list(missing.items())[:10]:
        print(f"{image_id}: {error.said(say)}", file=sys.stderr)
    print(
        say(
            words.PICTURES_DONE,
            pictures=say.plural(words.PICTURES, len(ids)),
            before=say.number(len(ids) - len(left)),
            fetched=say.number(fetched),
            missing=say.number(len(missing)),
            folder=archive.cache.folder,
        )
    )
    return len(missing)


def _fetched(
    few: Sequence[str], archive: ArchivePictures, rest: Callable[[float], None], is_first: bool
) -> dict[str, ArchiveError]:
    """Fetch a few pictures; returns those that the archive does not have, and why."""
    missing: dict[str, ArchiveError] = {}
    for attempt in range(TRIES):
        found = archive.fetch(few, PATIENCE)
        if archive.cache.fault:
            raise archive.cache.fault
        missing |= {image_id: error for image_id, error in found.errors.items() if not error.wait}
        few = [image_id for image_id, error in found.errors.items() if error.wait]
        if found.error is None or not few:
            return missing
        is_away = isinstance(found.error, ArchiveAwayError) and is_first and not found.pictures
        if is_away or attempt == TRIES - 1:  # no network: said at once
            raise found.error
        rest(found.error.wait)
    return missing
