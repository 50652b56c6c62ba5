"""Scores of a weights folder on images from outside HAM10000: the reports in `evaluation/external`.

`python -m train evaluate --name NAME --keep` writes one. Each holds the hashes of the members that it
was measured on, so that a reader learns when the members are others today.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skin_app.diagnoses import CODES
from skin_app.weights.contract import Contract
from skin_app.weights.published_scores import PUBLISHED, PublishedTest
from skin_app.weights.verify import WeightsError
from skin_app.words.evidence import RULES

FOLDER = "evaluation/external"
MACRO = ("balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "macro_auc")


@dataclass(frozen=True, eq=False)
class OutsideScores:
    """One report. `name`: of the images; `rules`: decision rule -> all scores, as in `Contract.scores`.

    `weights`: identity of the weights when they were measured. `members_changed`: whether their members
    were others then. `by_others`: whether somebody else measured, on images that this project never
    sees.
    """

    name: str
    weights: str
    views: int
    images: int
    lesions: int
    rules: dict[str, dict[str, Any]]
    members_changed: bool
    by_others: bool

    @property
    def codes(self) -> tuple[str, ...]:
        """The diagnoses that occur among the images."""
        per_class = self.rules["calibrated"]["per_class"]
        return tuple(code for code in CODES if per_class[code]["images"])

    def shows(self, score: str) -> bool:
        """False for a mean over diagnoses, unless all seven occur."""
        return score not in MACRO or len(self.codes) == len(CODES)

    @property
    def published(self) -> PublishedTest | None:
        """What others report on these images; None where we know of nothing."""
        return PUBLISHED.get(self.name)

    def own_score_on(self, test: PublishedTest) -> dict[str, Any]:
        """The scores among which `test.score` is the one to compare with those of other systems."""
        scores = self.rules[test.rule]
        return scores["per_class"][test.diagnosis] if test.diagnosis else scores


def member_hashes(contract: Contract) -> dict[str, str]:
    """Name of each member -> SHA-256 of its `model.safetensors`."""
    return {name: contract.files[f"{name}/model.safetensors"] for name in contract.members}


def read_outside_scores(folder: Path, contract: Contract) -> tuple[OutsideScores, ...]:
    """The reports that `contract` lists, in the order of their files' names.

    Raises `WeightsError` for a file that cannot be read.
    """
    names = sorted(name for name in contract.files if name.startswith(f"{FOLDER}/"))
    return tuple(_read(folder / name, member_hashes(contract)) for name in names)


def _read(path: Path, members: Mapping[str, str]) -> OutsideScores:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        found = OutsideScores(
            **{key: kept[key] for key in ("name", "weights", "views", "images", "lesions")},
            rules={rule: kept["rules"][rule] for rule in RULES},
            members_changed=kept["members"] != members,
            by_others=kept["by_others"],
        )
        _ = found.codes  # looked up here, so that a damaged report is found now
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(
            "{path} cannot be read ({fault}): get the weights anew.",
            path=path,
            fault=type(error).__name__,
        ) from error
    return found
