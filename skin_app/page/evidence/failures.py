"""Of the Evidence tab: known failures, with numbers where the weights have them."""

from collections.abc import Iterator
from html import escape

import numpy as np

from skin_app.diagnoses import CODES, DIAGNOSES
from skin_app.language import Say
from skin_app.page.evidence.measured import estimate, scores_by_rule, share, with_interval
from skin_app.skin_tone import TONES
from skin_app.trust import MIRRORED, PAINTED_CORNERS, PAINTED_HAIR, Trust
from skin_app.weights.evaluation import confusions
from skin_app.weights.folder import WeightsFolder
from skin_app.words import evidence as words

FEW_IMAGES = 100
# Name of a share in `Trust.measured` -> the sentence that says it.
SHARES = {
    "melanomas that end in not suspicious": words.CLEARED,
    "malignant images called suspicious": words.SUSPICIOUS,
    "answers that are uncertain": words.UNCERTAIN,
}
REFUSED = (
    "clinical skin photos refused (by all members, 1 view)",
    "dermatoscopic images refused",
)
CHANGED = {"hair": PAINTED_HAIR, "corners": PAINTED_CORNERS, "mirrored": MIRRORED}
HEAT = ("heat on the lesion", "area of the lesion")


def failures_section(say: Say, weights: WeightsFolder) -> str:
    """What these weights are known to get wrong, as a list."""
    trust = weights.contract.trust
    sentences = [
        say(words.OUTSIDE_UNKNOWN),
        *_of_decisions(say, trust),
        *_of_diagnoses(say, weights),
        say(words.FORCED),
        *_together(say, trust, words.REFUSED, dict(zip(("refused", "wrongly"), REFUSED, strict=True))),
        *([say(words.WEAK_MAPS)] if trust and trust.maps_are_weak else []),
        *_together(say, trust, words.HEAT, dict(zip(("share", "area"), HEAT, strict=True))),
        *_together(say, trust, words.ARTEFACTS, CHANGED),
        *_of_skin(say, trust),
        say(words.MISLEADS),
    ]
    items = "".join(f"<li>{sentence}</li>" for sentence in sentences)
    return (
        f'<h2>{say(words.FAILURES)}</h2><p class="quiet">{say(words.FAILURES_NOTE)}</p><ul>{items}</ul>'
    )


def _of_decisions(say: Say, trust: Trust | None) -> Iterator[str]:
    for name, sentence in SHARES.items():
        yield from _together(say, trust, sentence, {"share": name})


def _together(say: Say, trust: Trust | None, sentence: str, names: dict[str, str]) -> Iterator[str]:
    """`sentence` with measured shares in its places (place -> name), if all of them were measured."""
    measured = {} if trust is None else trust.measured
    if set(names.values()) <= set(measured):
        values = {place: estimate(say, measured[name]) for place, name in names.items()}
        yield say(sentence, **values)


def _of_skin(say: Say, trust: Trust | None) -> Iterator[str]:
    scarce = [] if trust is None else [say(name) for name in TONES if trust.tone.scarce(name)]
    if trust is not None and scarce:
        least = say.number(trust.tone.least_lesions)
        yield say(words.SKIN, bands=", ".join(scarce), least=least)


def _of_diagnoses(say: Say, weights: WeightsFolder) -> Iterator[str]:
    scores = scores_by_rule(weights).get("calibrated", {})
    per_class = scores.get("per_class", {})
    if "confusion_matrix" in scores and "mel" in per_class:
        counts = np.array(scores["confusion_matrix"]["counts"])
        pair = next((p for p in confusions(counts) if p.true.code == "mel"), None)
        if pair is not None:
            yield say(
                words.MELANOMA_FIRST,
                share=with_interval(say, per_class["mel"], "recall", share),
                other=escape(say(pair.called.name)),
                images=say.number(pair.images),
            )
    rare = [
        say(
            words.RARE_ENTRY,
            name=escape(say(DIAGNOSES[CODES.index(code)].name)),
            share=with_interval(say, own, "recall", share),
            images=say.number(own["images"]),
        )
        for code, own in per_class.items()
        if 0 < own.get("images", 0) < FEW_IMAGES
    ]
    if rare:
        yield say(words.RARE, limit=say.number(FEW_IMAGES), found="; ".join(rare))
