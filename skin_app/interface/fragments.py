"""An `Analysis` as fragments of HTML: text from outside is escaped, numbers are labelled."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from skin_app.diagnoses import DIAGNOSES, MALIGNANT, Diagnosis
from skin_app.ensemble import Analysis
from skin_app.gallery import SimilarLesion
from skin_app.interface import words
from skin_app.interface.drawing import data_url, legend_gradient

BY_CODE = {diagnosis.code: diagnosis for diagnosis in DIAGNOSES}


def percent(probability: float) -> str:
    """A probability in [0, 1] in words for people: 71.3 %, < 0.1 %, > 99.9 %; as HTML."""
    if probability < 0.001:
        return "&lt;&nbsp;0.1&nbsp;%"
    return (
        "&gt;&nbsp;99.9&nbsp;%" if probability > 0.999 else f"{probability:.1%}".replace("%", "&nbsp;%")
    )


def named(diagnosis: Diagnosis) -> str:
    """Full name, code, and whether it is malignant, in words."""
    mark = ' <span class="malignant">malignant</span>' if diagnosis.malignant else ""
    return f'{escape(diagnosis.name)} <span class="code">{diagnosis.code}</span>{mark}'


def status(sentence: str, detail: str = "", kind: str = "") -> str:
    """The status line. `kind`: "", "error" (announced at once by screen readers) or "note"."""
    role = "alert" if kind == "error" else "status"
    small = f'<span class="quiet">{escape(detail)}</span>' if detail else ""
    return f'<div class="status {kind}" role="{role}">{escape(sentence)}{small}</div>'


def answer_status(analysis: Analysis, refining: bool) -> str:
    """Which answer is shown, from how much, where it was computed and by which weights."""
    members = _counted(len(analysis.members), "member")
    views = _counted(analysis.views, "view")
    sentence = (
        f"Quick answer from {members} × {views}; refining …"
        if refining
        else f"Answer from {members} × {views}."
    )
    return status(sentence, f"Computed on {analysis.device}. Weights: {analysis.weights}.")


def ranking(analysis: Analysis, in_set: Sequence[bool] | None = None) -> str:
    """The seven diagnoses, most probable first, and the malignant ones' total.

    `in_set`: whether each of them, in that order, is in the prediction set; None where there is none.
    """
    inside = in_set or (False,) * len(DIAGNOSES)
    rows = "".join(
        f'<tr class="{"first" if place == 0 else ""}"><th scope="row">{named(entry.diagnosis)}</th>'
        f'<td><div class="bar" aria-hidden="true"><i style="width:{entry.probability:.1%};'
        f'background:{entry.diagnosis.colour}"></i></div></td>'
        f'<td class="number">{percent(entry.probability)}</td>'
        f'<td class="number quiet">{percent(entry.prior_adjusted)}</td>'
        + ("" if in_set is None else f'<td class="set">{_mark(inside[place])}</td>')
        + "</tr>"
        for place, entry in enumerate(analysis.ranked)
    )
    codes = ", ".join(d.code for d, malignant in zip(DIAGNOSES, MALIGNANT, strict=True) if malignant)
    return (
        '<section class="panel"><h2>Seven diagnoses, ranked</h2>'
        f'<table class="facts ranking"><caption>{words.RANKING_CAPTION}</caption><thead><tr>'
        '<th scope="col">Diagnosis</th><th scope="col"></th>'
        '<th scope="col" class="number">Probability</th>'
        f'<th scope="col" class="number wrapped">… {words.EQUALLY_COMMON}'
        "</th>"
        + ("" if in_set is None else f'<th scope="col" class="wrapped">{words.IN_SET}</th>')
        + f"</tr></thead><tbody>{rows}</tbody></table>"
        f'<p class="total">Malignant diagnoses together ({codes}): '
        f"<strong>{percent(analysis.malignant_probability)}</strong></p></section>"
    )


def _mark(inside: bool) -> str:
    return "<strong>yes</strong>" if inside else '<span class="quiet">no</span>'


def map_figure(
    pixels: np.ndarray, code: str, probability: float, opacity: float, on_lesion: float | None = None
) -> str:
    """A drawn map, (height, width, 3) uint8, with its legend and what it does not mean.

    `on_lesion`: share of the map's heat on the lesion, in [0, 1]; None where it is not known.
    """
    diagnosis = BY_CODE[code]
    alt = f"Photo with the activation map for {diagnosis.name} ({code}) laid over it"
    return (
        f'<figure class="map"><img src="{data_url(pixels)}" alt="{escape(alt)}" data-code="{code}">'
        f"<figcaption>Map for <strong>{escape(diagnosis.name)}</strong>, probability "
        f"{percent(probability)}"
        + ("" if on_lesion is None else f". {words.ON_LESION.format(share=percent(on_lesion))}")
        + '<div class="legend"><div class="scale" aria-hidden="true" '
        f'style="background-image:{legend_gradient(opacity)}"></div>'
        '<div class="ends"><span>adds nothing to this score</span>'
        f"<span>strongest of all seven maps</span></div></div>"
        f'<p class="quiet">{words.MAP_MEANING}</p></figcaption></figure>'
    )


def similar_lesions(lesions: Sequence[SimilarLesion]) -> str:
    """The nearest confirmed lesions, with links to the public archive."""
    columns = ("Archive id", "Diagnosis", "Confirmed by", "Likeness", "Age", "Sex", "Site")
    rows = [
        (
            f'<a href="{escape(lesion.link)}" target="_blank" rel="noopener">'
            f"{escape(lesion.image_id)}</a>",
            named(BY_CODE[lesion.dx]),
            escape(lesion.confirmed),
            f"{lesion.likeness:.3f}",
            "not stated" if lesion.age is None else f"{lesion.age:.0f}",
            escape(lesion.sex or "not stated"),
            escape(lesion.site or "not stated"),
        )
        for lesion in lesions
    ]
    known = next((lesion for lesion in lesions if lesion.is_the_same_photo), None)
    warning = status(words.TRAINING_IMAGE.format(image_id=known.image_id), kind="note") if known else ""
    return (
        '<section class="panel similar"><h2>Confirmed lesions that look alike to the networks</h2>'
        f"{warning}"
        f"{table(columns, rows, numbers=(3, 4), stacked=True)}"
        f'<p class="quiet">{words.SIMILAR_NOTE}</p></section>'
    )


def members(analysis: Analysis) -> str:
    """Each member's own first two answers, beside the ensemble's."""
    answers = [("All together", analysis.probabilities)]
    answers += [(f"Member {i + 1}", row) for i, row in enumerate(analysis.members)]
    rows = []
    for name, probabilities in answers:
        first, second = np.argsort(-probabilities, kind="stable")[:2]
        rows.append(
            (
                escape(name),
                f"{named(DIAGNOSES[first])} {percent(float(probabilities[first]))}",
                f"{named(DIAGNOSES[second])} {percent(float(probabilities[second]))}",
            )
        )
    return (
        '<section class="panel members"><h2>Do the members agree?</h2>'
        f"{table(('Who', 'First answer', 'Second answer'), rows, stacked=True)}</section>"
    )


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    numbers: Sequence[int] = (),
    caption: str = "",
    stacked: bool = False,
) -> str:
    """A table of ready HTML cells; `numbers`: columns set flush right; the first heads its row.

    `stacked`: on a phone each row becomes a block of labelled lines.
    """

    def kind(column: int) -> str:
        return ' class="number"' if column in numbers else ""

    head = "".join(f'<th scope="col"{kind(i)}>{name}</th>' for i, name in enumerate(columns))
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(
            f'<td{kind(i)} data-label="{columns[i]}">{cell}</td>'
            for i, cell in enumerate(row[1:], start=1)
        )
        + "</tr>"
        for row in rows
    )
    label = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="wide"><table class="facts{" stacked" if stacked else ""}">{label}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
