"""Keeps a report of `evaluate` in the weights folder that it measured: scores outside HAM10000.

Begin at `keep_report`. `skin_app.weights.outside_scores` reads what is kept.
"""

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from skin_app.weights.folder import WeightsError, WeightsFolder, read_folder
from skin_app.weights.outside_scores import FOLDER, member_hashes
from train.data.ham10000 import DataError
from train.release.weights_folder import open_to_change, put_into

NAME = r"[A-Za-z0-9][A-Za-z0-9 .,()_-]{0,59}"  # also safe inside a Markdown table


def keep_report(
    weights: WeightsFolder, name: str, report: Mapping[str, Any], by_others: bool = False
) -> str:
    """Put `report`, a `ScoresOnImages` as JSON, into `weights`; returns its file there.

    `weights`: as opened before scoring. `name`: of the images; a report of the same name is replaced.
    `by_others`: somebody else measured it with the same members. Raises `DataError` for a name that
    makes no file name and for images that the weights were trained on, `WeightsError` for a folder that
    cannot be written and for members that were replaced meanwhile.
    """
    check_keeping(weights, name)
    check_unseen(report["images_also_in_the_training_data"], report["images"])
    now = read_folder(weights.folder, weights.source)  # scoring takes long: `audit` may have run
    members = member_hashes(now.contract)
    if members != member_hashes(weights.contract):
        raise WeightsError(
            f"The members in {weights.folder} were replaced while they were measured, so the report is "
            "not kept: start the same command again."
        )
    file = report_file(name)
    kept = {"name": name, "by_others": by_others, "members": members, **report}
    put_into(now.folder, now.contract, {file: (json.dumps(kept, indent=1) + "\n").encode()})
    return file


def folder_to_keep_in(source: str, name: str) -> WeightsFolder:
    """The weights that a report of images `name` will be put into, before anything is scored."""
    weights = open_to_change(source)
    check_keeping(weights, name)
    return weights


def check_keeping(weights: WeightsFolder, name: str) -> None:
    """Raise `DataError` for a bad name, `WeightsError` for a folder that cannot be replaced."""
    report_file(name)
    parent = weights.folder.resolve().parent
    if not os.access(parent, os.W_OK) or not os.access(weights.folder, os.W_OK):
        raise WeightsError(
            f"{weights.folder} cannot be written: copy the weights into a folder of your own and name "
            "that with --weights."
        )


def check_unseen(overlap: int, images: int) -> None:
    """Raise `DataError` if `overlap` of the `images` were in the training data."""
    if overlap:
        raise DataError(
            f"{overlap} of {images} images are in the data that these weights were trained on, so the "
            "report would say nothing and is not kept: leave these images out, or leave out --keep."
        )


def report_file(name: str) -> str:
    """Where the report of images `name` is kept in a weights folder. Raises `DataError`."""
    if not re.fullmatch(NAME, name):
        raise DataError(
            f"--name {name!r} cannot name a report: use up to 60 letters, digits, blanks, . , ( ) _ -"
        )
    return f"{FOLDER}/{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')}.json"
