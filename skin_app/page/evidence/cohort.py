"""Of the Evidence tab: whom the data represents."""

from html import escape

from skin_app.gallery.patient_table import PatientGroup
from skin_app.page.html import BY_CODE, percent, said, table
from skin_app.skin_tone import TONES, ToneBands
from skin_app.weights.folder import WeightsFolder
from skin_app.words import evidence as words
from skin_app.words.language import Say

LIGHT = TONES[:2]


def cohort_section(say: Say, weights: WeightsFolder) -> str:
    """Images and lesions by diagnosis, how confirmed, sex, age, site and skin tone."""
    cohort, trust = weights.cohort(), weights.contract.trust
    counts = say(
        words.COHORT_NOTE, images=say.number(cohort.images), lesions=say.number(cohort.lesions)
    )
    tables = [
        _groups(say, axis, title, cohort.groups[axis]) for axis, title in words.COHORT_AXES.items()
    ]
    tone = f"<p>{say(words.NO_TONE)}</p>" if trust is None else _tone(say, trust.tone)
    return (
        f"<h2>{say(words.COHORT)}</h2><p>{counts}</p>"
        f'<div class="tables">{"".join(tables)}<div>{tone}</div></div>'
    )


def _groups(say: Say, axis: str, title: str, groups: tuple[PatientGroup, ...]) -> str:
    rows = [
        (_name(say, axis, group.name), say.number(group.images), say.number(group.lesions))
        for group in groups
    ]
    return table((say(title), *said(say, words.COUNTS)), rows, numbers=(1, 2))


def _name(say: Say, axis: str, name: str) -> str:
    if axis == "dx":
        return f'{escape(say(BY_CODE[name].name))} <span class="code">{name}</span>'
    shown = name.replace("-", "–") if axis == "age" else words.CONFIRMED_BY.get(name, name)
    return escape(say(shown))


def _tone(say: Say, tone: ToneBands) -> str:
    rows = [
        (say(name), say.number(tone.images.get(name, 0)), say.number(tone.lesions.get(name, 0)))
        for name in TONES
    ]
    drawn = table((say(words.TONE), *said(say, words.COUNTS)), rows, numbers=(1, 2))
    known = sum(tone.images.values())
    light = sum(tone.images.get(name, 0) for name in LIGHT)
    sentences = []
    if known:
        sentences.append(
            say(words.TONE_NOTE, share=percent(say, light / known), unknown=say.number(tone.unknown))
        )
    scarce = [say(name) for name in TONES if tone.scarce(name)]
    if scarce:
        sentences.append(
            say(words.TONE_SCARCE, least=say.number(tone.least_lesions), bands=", ".join(scarce))
        )
    return f'{drawn}<p class="quiet">{" ".join(sentences)}</p>'
