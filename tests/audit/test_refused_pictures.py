"""Pictures that must be refused: the folder that lists them."""

from pathlib import Path

import pytest

from train.audit.refused_pictures import pictures_to_refuse
from train.data.ham10000 import DataError


def test_pictures_come_by_group(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,kind\na.jpg,photo\nb.jpg,clinical\nc.jpg,photo\n")
    for name in "abc":
        (tmp_path / f"{name}.jpg").touch()
    assert pictures_to_refuse(tmp_path) == {
        "photo": [tmp_path / "a.jpg", tmp_path / "c.jpg"],
        "clinical": [tmp_path / "b.jpg"],
    }


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("file,kind\na.jpg,photo\nb.jpg,photos\n", "has the kind photos: use photo or clinical"),
        ("file,kind\na.jpg,photo\nb.jpg,\n", "has the kind nan: use photo or clinical"),
        ("file,kind\na.jpg,photo\n,photo\n", r"lists 2 files that are not there, the first a\.jpg"),
        ("file\na.jpg\n", "needs manifest.csv with the columns file and kind"),
    ],
)
def test_a_list_with_a_fault_is_refused(tmp_path: Path, table: str, sentence: str) -> None:
    (tmp_path / "manifest.csv").write_text(table)
    with pytest.raises(DataError, match=sentence):
        pictures_to_refuse(tmp_path)
