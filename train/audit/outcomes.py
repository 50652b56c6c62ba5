"""How often each outcome is given, and what is wrong with it then."""

from typing import Any

import numpy as np

from skin_app.decision import malignant_probability, prediction_set
from skin_app.diagnoses import CODES
from skin_app.outcome import COVERAGE, GROUNDS, SENSITIVITY, grounds
from train.audit.agreement import nested_disagreement
from train.audit.conformal import COVERAGES, fit_sets, with_interval
from train.audit.nested import Nested, ratios_with_intervals
from train.audit.operating import SENSITIVITIES, fit_threshold, is_malignant
from train.audit.readings import Readings
from train.documents.tables import table

MELANOMA = CODES.index("mel")
OUTCOMES = ("suspicious", "not suspicious", "uncertain")


def nested_grounds(
    nested: Nested, coverage: float, sensitivity: float, disagree: np.ndarray | None = None
) -> np.ndarray:
    """(divisions, images) index into `GROUNDS`, by limits fitted outside each image's part.

    `disagree`: (images,) bool; none do where it is None.
    """
    result = np.zeros((len(nested.divisions), len(nested.labels)), dtype=np.int64)
    apart = np.zeros(len(nested.labels), dtype=bool) if disagree is None else disagree
    for own, division in zip(result, nested.divisions, strict=True):
        for inside, probabilities in division.halves():
            outside = probabilities[~inside], nested.labels[~inside]
            own[inside] = grounds(
                malignant_probability(probabilities[inside]),
                prediction_set(probabilities[inside], fit_sets(*outside, coverage)),
                fit_threshold(*outside, sensitivity),
                disagree=apart[inside],
                novel=np.array(False),
            )
    return result


def outcome_scores(found: np.ndarray, labels: np.ndarray, lesions: np.ndarray) -> dict[str, Any]:
    """Shares of the outcomes and their errors, with 95 % intervals over lesions.

    `found`: (divisions, images) index into `GROUNDS`. `missed_melanomas`: images a division that end
    in "not suspicious", a mean over divisions; `missed_melanoma_lesions`: their lesions.
    """
    names = np.array([outcome for outcome, _ in GROUNDS])[found]
    given = {name: (names == name).mean(axis=0) for name in OUTCOMES}
    malignant, melanoma = is_malignant(labels), labels == MELANOMA
    every = np.ones(len(labels))
    called, cleared = given["suspicious"], given["not suspicious"]
    ratios = {
        **{f"share {name}": (share, every) for name, share in given.items()},
        "malignant not cleared": (malignant * (1 - cleared), malignant),
        "benign among not suspicious": (cleared * ~malignant, cleared),
        "malignant among suspicious": (called * malignant, called),
        "malignant called suspicious": (called * malignant, malignant),
        "benign not called suspicious": ((1 - called) * ~malignant, ~malignant),
        "melanomas cleared": (cleared * melanoma, melanoma),
    }
    above, below = (np.column_stack(columns) for columns in zip(*ratios.values(), strict=True))
    measured = dict(zip(ratios, ratios_with_intervals(above, below, lesions), strict=True))
    lost = [(row == "not suspicious") & melanoma for row in names]
    return {
        **measured,
        "melanomas": int(melanoma.sum()),
        "missed_melanomas": float(np.mean([rows.sum() for rows in lost])),
        "missed_melanoma_lesions": float(np.mean([len(np.unique(lesions[rows])) for rows in lost])),
        "grounds": {
            reason: float((found == place).mean()) for place, (_, reason) in enumerate(GROUNDS)
        },
    }


def measure(nested: Nested) -> dict[str, Any]:
    """Outcomes on all images, without the readings' agreement, for every pair of set and point."""
    return {
        f"{coverage:g} set, {sensitivity:g} point": outcome_scores(
            nested_grounds(nested, coverage, sensitivity), nested.labels, nested.lesions
        )
        for coverage in COVERAGES
        for sensitivity in SENSITIVITIES
    }


def measure_with_agreement(nested: Nested, one_view: Nested, readings: Readings) -> dict[str, Any]:
    """Outcomes of the lesions that were read view by view, without and with their agreement."""
    rows = readings.rows
    below = np.zeros(len(nested.labels), dtype=bool)
    below[rows] = nested_disagreement(nested, one_view, readings)[1]
    first = Nested(nested.views, nested.labels, nested.lesions, nested.divisions[:1])
    return {
        name: outcome_scores(
            nested_grounds(first, COVERAGE, SENSITIVITY, disagree)[:, rows],
            nested.labels[rows],
            nested.lesions[rows],
        )
        for name, disagree in (("without agreement", None), ("with agreement", below))
    }


COLUMNS = {
    "suspicious": "share suspicious",
    "not suspicious": "share not suspicious",
    "uncertain": "share uncertain",
    "benign among not suspicious (NPV)": "benign among not suspicious",
    "malignant among suspicious (PPV)": "malignant among suspicious",
    "malignant called suspicious": "malignant called suspicious",
    "malignant not cleared": "malignant not cleared",
    "benign not called suspicious": "benign not called suspicious",
    "melanomas cleared": "melanomas cleared",
}


def render(by_views: dict[str, dict[str, Any]], with_readings: dict[str, dict[str, Any]]) -> str:
    """The part on outcomes.

    `by_views`: number of views -> what `measure` gave; `with_readings`: -> `measure_with_agreement`.
    """
    used = f"{COVERAGE:g} set, {SENSITIVITY:g} point"
    rows = [
        [views, f"**{name}** (in use)" if name == used else name, *_cells(found)]
        for views, rules in by_views.items()
        for name, found in rules.items()
    ]
    lines = [
        "### Outcomes",
        "",
        "Nested, on all out-of-fold images, none of which is novel and whose readings' agreement is "
        "not asked (that can only turn further answers into uncertain ones). Predictive values are "
        f"those of this collection's mix of lesions. Uncertain is no all-clear{_held_back(by_views)}. "
        "**The rule in use was chosen on this table of the project's first weights** (few melanomas "
        "cleared, and still some lesions called suspicious), which flatters its row where the images "
        "are the same: its thresholds are nested, the choice of the pair is not.",
        "",
        table(["views", "rule", *COLUMNS], rows),
        "",
    ]
    for views, rules in by_views.items():
        found = rules[used]
        lines.append(
            f"- {views} view(s), the rule in use: of {found['melanomas']} melanoma images "
            f"{found['missed_melanomas']:.1f} ({found['missed_melanoma_lesions']:.1f} lesions; mean "
            "over "
            'the repeated divisions) end in "not suspicious": '
            f"{with_interval(found['melanomas cleared'])}."
        )
        lines += [f"  - {share:.1%}: {reason}" for reason, share in found["grounds"].items() if share]
    lines += ["", "With the readings' agreement, on the lesions that were read view by view:", ""]
    rows = [
        [views, name, *_cells(found)]
        for views, rules in with_readings.items()
        for name, found in rules.items()
    ]
    return "\n".join([*lines, table(["views", "rule", *COLUMNS], rows), ""])


def _held_back(by_views: dict[str, dict[str, Any]]) -> str:
    """What share of the malignant images that are not called suspicious end in uncertain."""
    most = by_views[max(by_views, key=int)][f"{COVERAGE:g} set, {SENSITIVITY:g} point"]
    called = most["malignant called suspicious"]["value"]
    not_cleared = most["malignant not cleared"]["value"]
    if called is None or not_cleared is None or called == 1:
        return ""
    share = (not_cleared - called) / (1 - called)
    return f": {share:.0%} of the malignant images that are not called suspicious are there"


def _cells(found: dict[str, Any]) -> list[str]:
    return [with_interval(found[name]) for name in COLUMNS.values()]
