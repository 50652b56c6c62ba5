"""Whom the data represents, counted against pandas on the embedded weights."""

from pathlib import Path

import pandas as pd

from skin_app.gallery.cohort import UNKNOWN, read_cohort
from skin_app.weights.folder import EMBEDDED, open_weights
from tests.tiny import write_weights


def test_counts_are_those_of_the_gallery() -> None:
    cohort = read_cohort(open_weights())
    table = pd.read_csv(EMBEDDED / "gallery.csv")
    assert (cohort.images, cohort.lesions) == (len(table), table["lesion"].nunique())
    for axis, groups in cohort.groups.items():
        assert sum(group.images for group in groups) == len(table), axis
    diagnoses = {group.name: (group.images, group.lesions) for group in cohort.groups["dx"]}
    melanomas = table.loc[table["dx"] == "mel", "lesion"]
    assert diagnoses["mel"] == (len(melanomas), len(set(melanomas)))
    young = table[table["age"] < 30]
    assert cohort.groups["age"][0].name == "0-29"
    assert cohort.groups["age"][0].images == len(young)
    assert [groups[-1].name for axis, groups in cohort.groups.items() if axis in ("sex", "age")] == [
        UNKNOWN,
        UNKNOWN,
    ]


def test_a_gallery_of_one_kind_has_one_group(tmp_path: Path) -> None:
    cohort = read_cohort(open_weights(write_weights(tmp_path / "weights", images=30)))
    (only,) = cohort.groups["age"]
    assert (only.name, only.images, only.lesions) == ("45-59", 30, 15)
