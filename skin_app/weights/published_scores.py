"""What others report of their systems on public tests, quoted; this project ran none of them.

Shown beside our own scores by the page, README and the model card. `PUBLISHED` holds every number.
"""

from dataclasses import dataclass
from typing import Literal

OtherImages = Literal["private", "public", "none", "not_stated"]


@dataclass(frozen=True)
class PublishedScore:
    """One system. `value`: its score, in [0, 1]; `other_images`: its training images beside HAM10000.

    `source`: where its authors state the score, None where we know it from others alone; `seen`:
    whether we read the number there ourselves. `with_patient`: it also reads age, sex or site.
    """

    system: str
    value: float
    other_images: OtherImages
    source: str | None
    seen: bool = False
    with_patient: bool = False


@dataclass(frozen=True)
class PublishedTest:
    """The systems that report `score` on one test, the best first.

    `score`, `rule`, `diagnosis`: which of our own scores is the same, see `OutsideScores.own_score_on`.
    """

    score: Literal["balanced_accuracy", "auc"]
    rule: Literal["calibrated", "prior_adjusted"]
    diagnosis: str | None
    systems: tuple[PublishedScore, ...]


PUBLISHED = {  # name of the images, as in `OutsideScores` -> what others report on them
    "ISIC 2018 Task 3 test": PublishedTest(
        "balanced_accuracy",
        "prior_adjusted",
        None,
        (
            PublishedScore(
                "MetaOptima 2018 (#1)",
                0.885,
                "private",
                "dermengine.com/blog, 2019-03-25",
                seen=True,
            ),
            PublishedScore("Mahbod et al. 2020", 0.862, "public", "doi:10.1016/j.cmpb.2020.105475"),
            PublishedScore("Gessert et al. 2018", 0.856, "public", "arXiv:1808.01694"),
            PublishedScore(
                "Zhuang et al. 2018",
                0.845,
                "none",
                "GitHub: JiaxinZhuang/Skin-Lesion-Recognition.Pytorch",
            ),
            PublishedScore("EfficientNetV2-S, 384 px", 0.782, "not_stated", None, with_patient=True),
            PublishedScore("EfficientNetV2-S, 384 px", 0.750, "not_stated", None),
            PublishedScore(
                "Xception", 0.723, "not_stated", "PyPI: sklesion 0.2.2", seen=True, with_patient=True
            ),
        ),
    ),
    "PH2": PublishedTest(
        "auc", "calibrated", "mel", (PublishedScore("Xception", 0.933, "not_stated", None),)
    ),
}
