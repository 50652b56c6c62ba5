"""The weights folder: what is verified before anything of it is used."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from skin_app.ensemble import Ensemble
from skin_app.weights import folder as weights
from skin_app.weights.folder import WeightsError, open_weights
from tests.tiny import write_weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_weights(tmp_path / "weights")


def edit_contract(folder: Path, change: Callable[[dict], None]) -> None:
    path = folder / "ensemble.json"
    contract = json.loads(path.read_text())
    change(contract)
    path.write_text(json.dumps(contract))


def test_a_good_folder_opens_and_says_which_it_is(folder: Path) -> None:
    opened = open_weights(folder)
    assert opened.contract.members == ("member-0", "member-1")
    assert opened.identity.startswith("untrained test weights (local folder, ")
    assert opened.hash[:8] in opened.identity


@pytest.mark.parametrize("name", ["member-1/model.safetensors", "member-0/config.json", "gallery.csv"])
def test_one_changed_byte_is_refused(folder: Path, name: str) -> None:
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(WeightsError, match=f"{name} in .* is damaged or was changed"):
        open_weights(folder)


def test_a_cut_off_file_is_refused(folder: Path) -> None:
    path = folder / "member-0/model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="damaged"):
        open_weights(folder)


def test_a_missing_file_and_a_missing_hash_are_refused(folder: Path) -> None:
    (folder / "gallery.csv").rename(folder / "elsewhere.csv")
    with pytest.raises(WeightsError, match=r"gallery\.csv is missing"):
        open_weights(folder)
    edit_contract(folder, lambda contract: contract["files"].pop("member-0/config.json"))
    with pytest.raises(WeightsError, match=r"lists no hash for member-0/config\.json"):
        open_weights(folder)


def test_classes_in_another_order_are_refused(folder: Path) -> None:
    edit_contract(folder, lambda contract: contract["codes"].reverse())
    with pytest.raises(WeightsError, match="expects akiec, bcc, bkl"):
        open_weights(folder)


def test_a_member_with_classes_in_another_order_is_refused(folder: Path) -> None:
    path = folder / "member-0/config.json"
    config = json.loads(path.read_text())
    config["codes"].reverse()
    path.write_text(json.dumps(config))
    digest = weights.file_hash(path)
    edit_contract(folder, lambda c: c["files"].update({"member-0/config.json": digest}))
    with pytest.raises(WeightsError, match="expects akiec, bcc, bkl"):
        Ensemble(open_weights(folder))


def test_an_unknown_field_and_broken_json_are_refused(folder: Path) -> None:
    edit_contract(folder, lambda contract: contract.update(surprise=1))
    with pytest.raises(WeightsError, match="not a contract"):
        open_weights(folder)
    (folder / "ensemble.json").write_text("{")
    with pytest.raises(WeightsError, match="not a contract"):
        open_weights(folder)


def test_an_empty_folder_says_how_to_get_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="python -m train run"):
        open_weights(tmp_path)


def test_a_hub_repo_must_be_pinned() -> None:
    with pytest.raises(WeightsError, match="40 hex digits"):
        open_weights("someone/skin@main")
    with pytest.raises(WeightsError, match="no folder runs/weihgts; to take it from the Hub, pass"):
        open_weights("runs/weihgts")
    with pytest.raises(WeightsError, match="neither a folder nor a Hub repo"):
        open_weights("/no/such/folder")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (3, "have format 3, this program reads 2: update the program"),
        (1, "have format 1, this program reads 2: get weights made for this version"),
        (None, "it names no format"),
        ("2", "its format is not a whole number"),
        (True, "its format is not a whole number"),
    ],
)
def test_the_format_is_asked_before_anything_else(folder: Path, found: object, words: str) -> None:
    edit_contract(folder, lambda contract: contract.update(format=found, codes={"new": "shape"}))
    with pytest.raises(WeightsError, match=words):
        open_weights(folder)


@pytest.mark.parametrize("text", ["[]", "1", "null"])
def test_a_contract_that_is_no_table_is_refused(folder: Path, text: str) -> None:
    (folder / "ensemble.json").write_text(text)
    with pytest.raises(WeightsError, match="not a contract"):
        open_weights(folder)


def test_a_gallery_that_does_not_fit_its_table_is_refused(folder: Path) -> None:
    path = folder / "gallery.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")
    digest = weights.file_hash(path)
    edit_contract(folder, lambda c: c["files"].update({"gallery.csv": digest}))
    with pytest.raises(WeightsError, match=r"gallery .* cannot be loaded"):
        Ensemble(open_weights(folder))
