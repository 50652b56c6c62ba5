"""Of the Evidence tab: known failures, with numbers where the weights have them."""

from collections.abc import Iterator
from html import escape

import numpy as np

from skin_app.diagnoses import CODES, DIAGNOSES
from skin_app.page.evidence.measured import scores_by_rule
from skin_app.page.html import estimate, share, with_interval
from skin_app.skin_tone import TONES
from skin_app.trust import Measured, Trust
from skin_app.weights.evaluation import confusions
from skin_app.weights.folder import WeightsFolder
from skin_app.words import evidence as words
from skin_app.words.language import Say

FEW_IMAGES = 100


def failures_section(say: Say, weights: WeightsFolder) -> str:
    """What these weights are known to get wrong, as a list."""
    trust = weights.contract.trust
    sentences = [
        say(words.OUTSIDE_UNKNOWN),
        *_measured(say, trust, words.CLEARED, share="melanomas_not_suspicious"),
        *_measured(say, trust, words.SUSPICIOUS, share="malignant_suspicious"),
        *_measured(say, trust, words.UNCERTAIN, share="uncertain"),
        *_of_diagnoses(say, weights),
        say(words.FORCED),
        *_measured(
            say, trust, words.REFUSED, refused="refused_clinical", wrongly="refused_dermatoscopic"
        ),
        *([say(words.WEAK_MAPS)] if trust and trust.maps_are_weak else []),
        *_measured(say, trust, words.HEAT, share="heat_on_lesion", area="lesion_area"),
        *_measured(
            say,
            trust,
            words.ARTEFACTS,
            hair="changed_by_dark_hair",
            corners="changed_by_dark_corners",
            mirrored="changed_by_mirroring",
        ),
        *_of_skin(say, trust),
        say(words.MISLEADS),
    ]
    items = "".join(f"<li>{sentence}</li>" for sentence in sentences)
    return (
        f'<h2>{say(words.FAILURES)}</h2><p class="quiet">{say(words.FAILURES_NOTE)}</p><ul>{items}</ul>'
    )


def _measured(say: Say, trust: Trust | None, sentence: str, **names: Measured) -> Iterator[str]:
    """`sentence` with measured shares in its placeholders, if all of them were measured."""
    if trust is not None and set(names.values()) <= set(trust.measured):
        yield say(sentence, **{place: estimate(say, trust.measured[n]) for place, n in names.items()})


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
