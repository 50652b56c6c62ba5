"""Verifies a weights folder before anything of it is used: schema, class order, checksums."""

import hashlib
import json
import math
from pathlib import Path

from skin_app.calibration import check_calibrated
from skin_app.diagnoses import ClassOrderError, assert_codes
from skin_app.novelty import FILE as NOVELTY_FILE
from skin_app.outcome import CLEARED_BELOW, COVERAGE, SUSPICIOUS_FROM, WIDE_COVERAGE
from skin_app.views import VIEWS
from skin_app.weights.contract import CONTRACT, FORMAT, Contract
from skin_app.words.language import SpokenError
from skin_app.words.weights import OTHER_FORMAT


class WeightsError(SpokenError, ValueError):
    """The weights cannot be used; the message is one sentence that says what to do."""


def verified_contract(folder: Path) -> tuple[Contract, str]:
    """The contract of `folder`, and its own SHA-256, once every file that it lists was checked.

    Raises `WeightsError` for a missing or changed file, a wrong schema or another class order.
    """
    path = folder / CONTRACT
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise WeightsError(
            "There are no weights in {folder} (ensemble.json is missing): train some with "
            "`python -m train run`, or check the path.",
            folder=folder,
        ) from None
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        read = json.loads(text, parse_float=_finite, parse_constant=_finite)
        _check_format(path, read)
        contract = Contract.model_validate(read)
        assert_codes(contract.codes, CONTRACT)
        _check_limits(contract)
    except WeightsError:
        raise
    except ClassOrderError as error:
        raise WeightsError(error.sentence, **error.values) from error
    except (ValueError, RecursionError) as error:  # no JSON, another schema, or a number without end
        raise WeightsError(
            "{path} is not a contract that this program understands ({fault}): get the weights anew, "
            "or weights made for this version.",
            path=path,
            fault=type(error).__name__,
        ) from error
    _check_files(folder, contract)
    return contract, hashlib.sha256(text).hexdigest()


def _finite(number: str) -> float:
    """A number of JSON; any comparison with NaN is false, so one would switch a limit off."""
    value = float(number)
    if not math.isfinite(value):
        raise json.JSONDecodeError(f"{number} is no finite number", number, 0)
    return value


def _check_format(path: Path, read: object) -> None:
    """Raise `WeightsError` for an unsupported format; its other fields may differ too."""
    found = read.get("format") if isinstance(read, dict) else None
    if type(found) is not int:
        raise WeightsError(
            "{path} is not a contract that this program understands (it has no whole number as its "
            "format): get the weights anew.",
            path=path,
        )
    if found != FORMAT:
        raise WeightsError(
            OTHER_FORMAT["older" if found < FORMAT else "newer"],
            folder=path.parent,
            found=found,
            wanted=FORMAT,
        )


def _check_limits(contract: Contract) -> None:
    """Raise `ValueError` where a number that every answer needs is not there."""
    for views in (1, VIEWS):
        check_calibrated(contract.calibration, views)
        if contract.trust is not None:
            limits = contract.trust.decisions.of(views)
            for coverage in (COVERAGE, WIDE_COVERAGE):
                limits.set_of(coverage)
            for sensitivity in (SUSPICIOUS_FROM, CLEARED_BELOW):
                limits.point_of(sensitivity)


def _check_files(folder: Path, contract: Contract) -> None:
    needed = {"gallery.safetensors", "gallery.csv"}
    for name in contract.members:
        needed |= {f"{name}/config.json", f"{name}/model.safetensors"}
    if contract.trust is not None:
        needed.add(NOVELTY_FILE)
    unlisted = sorted(needed - set(contract.files))
    if unlisted:
        raise WeightsError(
            "ensemble.json in {folder} lists no hash for {names}: get the weights anew.",
            folder=folder,
            names=", ".join(unlisted),
        )
    for name, expected in contract.files.items():
        path = folder / name
        if not _is_file_in(folder, name):
            raise WeightsError(
                "{name} is missing from the weights in {folder}: get them anew.",
                name=name,
                folder=folder,
            )
        try:
            found = file_hash(path)
        except OSError as error:
            raise unreadable(path, error) from error
        if found != expected:
            raise WeightsError(
                "{name} in {folder} is damaged or was changed (its SHA-256 is not the one in "
                "ensemble.json): get the weights anew.",
                name=name,
                folder=folder,
            )


def unreadable(path: str | Path, error: OSError) -> WeightsError:
    """A file or folder of weights that the system does not let this account read."""
    return WeightsError(
        "{path} cannot be read ({reason}): name weights that this account may read.",
        path=path,
        reason=error.strerror or error,
    )


def _is_file_in(folder: Path, name: str) -> bool:
    """Whether `folder` holds this file itself: no name leads out of it."""
    place = Path(name)
    try:
        return not place.is_absolute() and ".." not in place.parts and (folder / place).is_file()
    except OSError:  # too long to be a name
        return False


def file_hash(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
