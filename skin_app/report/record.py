"""Types of the record of one analysis, which the JSON report and the machine API return.

`json_and_csv.record` fills it. gradio derives the machine API's JSON schema from these types.
"""

from dataclasses import asdict, dataclass
from typing import TypedDict, cast

from skin_app.outcome import Outcome


class NotesRecord(TypedDict):
    """What the clinician stated; null where nothing was."""

    age: str | None
    sex: str | None
    site: str | None
    own_diagnosis: str | None
    text: str | None


@dataclass(frozen=True)
class Notes:
    """What the clinician states: printed and kept in the JSON, never shown to the networks."""

    age: str | None = None
    sex: str | None = None
    site: str | None = None
    own_diagnosis: str | None = None
    text: str | None = None

    def recorded(self) -> NotesRecord | None:
        """Without blanks around the texts; None when nothing was stated."""
        stated = {name: (text or "").strip() or None for name, text in asdict(self).items()}
        return cast(NotesRecord, stated) if any(stated.values()) else None


NO_NOTES = Notes()


class WeightsRecord(TypedDict):
    """`sha256`: of `ensemble.json`, which holds the hashes of all other files of the weights."""

    identity: str
    name: str
    source: str
    sha256: str


class DiagnosisRecord(TypedDict):
    """Both probabilities in [0, 1]; the sets are null where the weights or the photo allow none."""

    code: str
    name: str
    malignant: bool
    probability: float
    prior_adjusted: float
    in_90_set: bool | None
    in_95_set: bool | None


class PointRecord(TypedDict):
    """An operating point; intervals are [low, high] of 95 %. `above`: this photo is at or above it."""

    target_sensitivity: float
    threshold: float
    sensitivity: float
    sensitivity_interval: list[float]
    specificity: float
    specificity_interval: list[float]
    above: bool


class FindingRecord(TypedDict):
    """What to change about the photo: `value` is beyond `limit`; both null for a fault of the file."""

    name: str
    sentence: str
    value: float | None
    limit: float | None


class CheckRecord(TypedDict):
    """Something to look at before the answer is relied on: in a few words, and as a sentence."""

    name: str
    sentence: str


class NoveltyRecord(TypedDict):
    """`score` is about 0 for images like the training data; novel above `limit`."""

    score: float
    limit: float
    is_novel: bool


class SkinToneRecord(TypedDict):
    """Of the skin around the lesion: band, angle in degrees (ITA); null where too little is seen,
    or it is grey or bluer."""

    band: str | None
    angle: float | None
    is_rare: bool


class SquareRecord(TypedDict):
    """The centre square that the networks saw, in pixels of the photo."""

    left: int
    top: int
    side: int


class SimilarRecord(TypedDict):
    """A confirmed lesion of the training data; `diagnosis` is a code, `similarity` at most 1."""

    image_id: str
    diagnosis: str
    confirmed: str
    similarity: float
    is_the_same_photo: bool
    age: float | None
    sex: str | None
    site: str | None
    link: str


class JudgedRecord(TypedDict):
    """How far to trust the answer; null for weights without limits to judge it by, but for `to_check`
    and `quality` where something is known whatever the weights, such as a damaged file.

    `agreement`: share of readings on the answer's side of malignant or benign. `to_check`: the gravest
    first. `quality`: what is wrong with the photo. `lesion_area`: share of the square.
    `heat_on_lesion`: share of each map's heat that lies on the lesion, by code; null where no lesion
    stands out, or there are no maps. `heat_is_outside`: the first diagnosis's share is too small.
    """

    outcome: Outcome | None
    reason: str | None
    agreement: float | None
    to_check: list[CheckRecord] | None
    quality: list[FindingRecord] | None
    novelty: NoveltyRecord | None
    skin_tone: SkinToneRecord | None
    lesion_area: float | None
    heat_on_lesion: dict[str, float | None] | None
    heat_is_outside: bool | None


NOT_JUDGED: JudgedRecord = {
    "outcome": None,
    "reason": None,
    "agreement": None,
    "to_check": None,
    "quality": None,
    "novelty": None,
    "skin_tone": None,
    "lesion_area": None,
    "heat_on_lesion": None,
    "heat_is_outside": None,
}


class Record(JudgedRecord):
    """All that is said of one photo.

    `made_at`: ISO 8601 with time zone. `diagnoses`: seven, most probable first. `members`: each
    network's probabilities by code. `operating_points`: empty for a photo that is unlike those learnt
    from, and for weights without limits. `maps`: by code, rows of numbers in [0, 1] on one scale that
    all seven share, over `square`; null in an answer without maps. `maps_are_weak`: they were not shown
    to beat a spot in the middle; null where that was not measured. `notes`: what the clinician stated;
    null when nothing.
    """

    format: int
    disclaimer: str
    made_at: str
    weights: WeightsRecord
    device: str
    views: int
    diagnoses: list[DiagnosisRecord]
    malignant_probability: float
    operating_points: list[PointRecord]
    members: list[dict[str, float]]
    maps: dict[str, list[list[float]]] | None
    maps_are_weak: bool | None
    square: SquareRecord
    similar: list[SimilarRecord]
    notes: NotesRecord | None
