"""The weights folder: what is verified before anything of it is used."""

import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skin_app.ensemble import Ensemble
from skin_app.photo.read import Photo
from skin_app.weights.folder import WeightsError, open_weights
from skin_app.weights.verify import file_hash
from tests.tiny import give_trust, picture, write_weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_weights(tmp_path / "weights")


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_contract(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    edit(folder / "ensemble.json", change)


def list_anew(folder: Path, name: str) -> None:
    """State the hash that a file has now."""
    digest = file_hash(folder / name)
    edit_contract(folder, lambda contract: contract["files"].update({name: digest}))


def test_a_good_folder_opens_and_says_which_it_is(folder: Path) -> None:
    opened = open_weights(folder)
    assert opened.contract.members == ("member-0", "member-1")
    assert opened.identity.startswith("untrained test weights (local folder, ")
    assert opened.hash[:8] in opened.identity


def test_an_empty_setting_means_the_embedded_weights() -> None:
    assert open_weights("").identity == open_weights().identity


@pytest.mark.parametrize("name", ["member-1/model.safetensors", "member-0/config.json", "gallery.csv"])
def test_a_changed_a_cut_and_a_missing_file_are_refused(folder: Path, name: str) -> None:
    path = folder / name
    data = path.read_bytes()
    middle = len(data) // 2
    for content in (data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :], data[:middle]):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=f"{name} in .* is damaged or was changed"):
            open_weights(folder)
    path.unlink()
    with pytest.raises(WeightsError, match=f"{name} is missing"):
        open_weights(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["files"].pop("member-0/config.json"), r"lists no hash for member-0/config\.json"),
        (lambda c: c["codes"].reverse(), "expects akiec, bcc, bkl"),
        (lambda c: c.update(surprise=1), "not a contract"),
        # the format is asked before anything else
        (lambda c: c.update(format=4, codes={}), "format 4, this program reads 3: update the program"),
        (lambda c: c.update(format=2, codes={}), "format 2, this .* get weights made for this version"),
        (lambda c: c.update(format=None, codes={}), "no whole number as its format"),
        (lambda c: c.update(format="3", codes={}), "no whole number as its format"),
        (lambda c: c.update(format=True, codes={}), "no whole number as its format"),
        # NaN is neither above nor below a limit
        (lambda c: c["calibration"].update(temperatures={"8": float("nan")}), "not a contract"),
        (lambda c: c["calibration"].update(temperatures={"8": -1.0}), "not a contract"),
        (lambda c: c["calibration"].update(temperatures={"1": 1.0}), "not a contract"),
        # no file outside the folder, even with the right hash
        (lambda c: c["files"].update({"../weights/gallery.csv": c["files"]["gallery.csv"]}), "missing"),
        (lambda c: c["files"].update({"x" * 300: "0"}), "missing"),
        (lambda c: c["files"].update({"\ud800": "0"}), r"\? is missing"),
    ],
)
def test_a_contract_that_does_not_fit_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    edit_contract(folder, change)
    with pytest.raises(WeightsError, match=words):
        open_weights(folder)


@pytest.mark.parametrize("text", ["{", "[]", "1", "null", "9" * 5000, "[" * 9000])
def test_a_contract_that_is_no_table_is_refused(folder: Path, text: str) -> None:
    (folder / "ensemble.json").write_text(text)
    with pytest.raises(WeightsError, match="not a contract"):
        open_weights(folder)


def test_a_member_and_a_gallery_that_do_not_fit_are_refused(folder: Path) -> None:
    table = folder / "gallery.csv"
    text = table.read_text()
    table.write_text("\n".join(text.splitlines()[:-3]) + "\n")
    list_anew(folder, "gallery.csv")
    with pytest.raises(WeightsError, match=r"gallery .* cannot be loaded"):
        Ensemble(open_weights(folder))
    for changed in (
        text.replace("image_id,", "image,", 1),
        text.replace("localization", "site", 1),
        text + text.splitlines()[-1] + "\n",
    ):
        table.write_text(changed)
        list_anew(folder, "gallery.csv")
        with pytest.raises(WeightsError, match=r"gallery .* cannot be loaded"):
            open_weights(folder).gallery()
    edit(folder / "member-0/config.json", lambda config: config["codes"].reverse())
    list_anew(folder, "member-0/config.json")
    with pytest.raises(WeightsError, match="expects akiec, bcc, bkl"):
        open_weights(folder).member("member-0")


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "hf-hub:someone/network"},
        {"arguments": {"checkpoint_path": "some.pickle"}},
        {"arguments": {"pretrained": True}},
        {"arguments": {"drop_rate": [0.5, 0.5]}},
        {"hidden": 8000},
        {"stages": 2},
    ],
)
def test_a_configuration_loads_nothing_else_and_must_fit_the_weights(
    folder: Path, change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.load", lambda *_: pytest.fail("a pickle was read"))
    monkeypatch.setattr(
        "timm.models._factory.load_model_config_from_hf", lambda *_: pytest.fail("fetched")
    )
    edit(folder / "member-0/config.json", lambda config: config.update(change))
    list_anew(folder, "member-0/config.json")
    with pytest.raises(WeightsError, match=r"member-0 .* cannot be loaded"):
        open_weights(folder).member("member-0")


def test_an_empty_folder_says_how_to_get_weights(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="python -m train run"):
        open_weights(tmp_path)


@pytest.mark.parametrize("name", ["", "ensemble.json", "member-1/model.safetensors"])
def test_what_this_account_may_not_read_is_one_sentence(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, stat, opened = folder / name, Path.stat, io.open

    def looked(path: Path, **named: bool) -> os.stat_result:
        if path == closed == folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **named)

    def read(path: Path, *given: Any) -> Any:
        if path == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *given)

    monkeypatch.setattr(Path, "stat", looked)
    monkeypatch.setattr(io, "open", read)
    with pytest.raises(WeightsError, match=rf"^{closed} cannot be read \(Permission denied\): name"):
        open_weights(folder)


def test_a_name_that_is_too_long_is_one_sentence() -> None:
    with pytest.raises(WeightsError, match="xxx cannot be read "):
        open_weights("x" * 300)


def test_a_hub_repo_must_be_pinned() -> None:
    with pytest.raises(WeightsError, match="40 hex digits"):
        open_weights("someone/skin@main")
    with pytest.raises(WeightsError, match="no folder runs/weihgts; to take it from the Hub, pass"):
        open_weights("runs/weihgts")
    with pytest.raises(WeightsError, match="neither a folder nor a Hub repo"):
        open_weights("/no/such/folder")


def test_files_that_are_cut_or_replaced_after_loading_change_nothing(folder: Path) -> None:
    """A mapped file that is cut short would end the whole program with SIGBUS."""
    ensemble, photo = Ensemble.load(give_trust(folder)), Photo(picture(1))
    before = ensemble(photo)
    maps = Path("/proc/self/maps")
    assert str(folder) not in (maps.read_text() if maps.exists() else "")
    for place, path in enumerate(path for path in folder.rglob("*") if path.is_file()):
        path.write_bytes(path.read_bytes()[:100] if place % 2 else b"another file")
    after = ensemble(photo)
    assert np.array_equal(before.probabilities, after.probabilities)
    assert before.similar == after.similar
    assert before.assessment
    assert after.assessment
    assert before.assessment.novelty == after.assessment.novelty
