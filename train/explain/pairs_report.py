"""What is said about confused pairs: counts, the caveat and what was measured on the cases shown."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from skin_app.diagnoses import CODES
from train.engine.run import Run
from train.explain.sheets import Case

CAVEAT = """Guided back-propagation fails randomisation checks (Adebayo et al. 2018): it looks much the
same when the weights of the last layers are replaced by random ones, so it shows edges of the photo
more than what the network uses. Grad-CAM passes these checks. Neither proves why a network answered as
it did."""
LICENCE = """The sheets show images of HAM10000 (Tschandl et al. 2018, CC BY-NC 4.0): do not commit or
publish them with the project."""


@dataclass(frozen=True)
class Explained:
    """A case of a pair, and how its maps look with the head (or all weights) drawn anew.

    `likeness`: Spearman's rank correlation with the maps of the trained member, by (map, part).
    """

    case: Case
    likeness: dict[tuple[str, str], float]


def pairs_report(
    run: Run,
    table: pd.DataFrame,
    pairs: int,
    sheets: list[str],
    explained: list[Explained],
    images: int,
    views: int,
) -> str:
    """`pairs.md`: counts, the cases' sheets, the caveat with what was measured on them.

    `table`: what `confusions` gave; `images`: how many were predicted.
    """
    both: dict[tuple[str, str], int] = {}
    for pair in table.to_dict("records"):
        one, other = sorted((pair["true"], pair["predicted"]), key=CODES.index)
        both[one, other] = pair["images_both_ways"]
    lines = [
        f"# Confused pairs of {run.folder.name}",
        "",
        f"{table['images'].sum():,} of {images:,} out-of-fold images were mistaken (most probable "
        f"calibrated diagnosis, {views} views), each by the member of its own fold.",
        "",
        "| true | predicted | images | share of the true class | the other way round |",
        "|---|---|---|---|---|",
        *(
            f"| {pair['true']} | {pair['predicted']} | {pair['images']} | "
            f"{pair['share_of_true']:.1%} | {pair['images_reversed']} |"
            for pair in table.head(pairs).to_dict("records")
        ),
        "",
        "Both directions together:",
        "",
        "| pair | images |",
        "|---|---|",
        *(
            f"| {one} and {other} | {count} |"
            for (one, other), count in sorted(both.items(), key=lambda item: -item[1])[:pairs]
        ),
        "",
        "## Cases",
        "",
        "The surest mistakes of each pair, one a lesion, explained in the upright view by the member "
        "of their fold. The two Grad-CAMs of a case share one scale. Guided back-propagation is "
        "generalised: smooth activations keep their own derivative, gated like a rectifier's.",
        "",
        *(f"- [{sheet}]({sheet})" for sheet in sheets),
        "",
        f"**Caveat.** {CAVEAT}",
        "",
        *_likeness_table(explained),
        f"**Licence.** {LICENCE}",
    ]
    return "\n".join(lines) + "\n"


def _likeness_table(explained: list[Explained]) -> list[str]:
    """The randomisation check as measured on the cases shown."""
    rows = []
    for name in ("Grad-CAM", "guided back-propagation"):
        cells = []
        for part in ("head", "all"):
            values = [one.likeness[name, part] for one in explained if (name, part) in one.likeness]
            cells.append(
                f"{np.mean(values):.2f} ({len(values)} cases)" if values else "blank maps only"
            )
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return [
        "Measured on these cases: mean rank correlation of a map with the one that the same member "
        "gives after its weights were drawn anew (1: the map did not notice).",
        "",
        "| map | new head | all weights new |",
        "|---|---|---|",
        *rows,
        "",
    ]
