"""Which patients the training data represents: images and lesions by diagnosis, sex, age and site."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from skin_app.patients import UNKNOWN, age_bands, normalised
from skin_app.weights.folder import WeightsError, WeightsFolder

FILE = "gallery.csv"
AXES = ("dx", "dx_type", "sex", "age", "localization")


@dataclass(frozen=True)
class Group:
    """How many `images` of how many `lesions` have one value (`name`) of an axis."""

    name: str
    images: int
    lesions: int


@dataclass(frozen=True)
class Cohort:
    """`images`, `lesions`: of all the data; `groups`: axis of `AXES` -> its groups, in their order.

    Ages are in bands of years, youngest first; on the other axes the largest group comes first. Missing
    values form the group `UNKNOWN`, which comes last.
    """

    images: int
    lesions: int
    groups: Mapping[str, tuple[Group, ...]]


def read_cohort(weights: WeightsFolder) -> Cohort:
    """The gallery's data, which are all training data of the members. Raises `WeightsError`."""
    try:
        table, _ = normalised(pd.read_csv(weights.folder / FILE, usecols=["lesion", *AXES]))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{FILE} in {weights.folder} cannot be read ({type(error).__name__}): get the weights anew."
        ) from error
    return Cohort(
        images=len(table),
        lesions=table["lesion"].nunique(),
        groups={axis: _groups(table, axis) for axis in AXES},
    )


def _groups(table: pd.DataFrame, axis: str) -> tuple[Group, ...]:
    names = age_bands(table["age"]) if axis == "age" else table[axis].astype(str)
    counted = [
        Group(str(name), len(inside), inside.nunique())
        for name, inside in table["lesion"].groupby(names)
    ]
    by_age = axis == "age"
    return tuple(
        sorted(counted, key=lambda g: (g.name == UNKNOWN, g.name if by_age else "", -g.images, g.name))
    )
