"""The ranked diagnoses of one photo, the networks' own answers, and the status line above them."""

from collections.abc import Sequence
from html import escape

import numpy as np

from skin_app.analysis import Analysis
from skin_app.diagnoses import DIAGNOSES, MALIGNANT
from skin_app.page.html import named, percent, said, status, table
from skin_app.words import page as words
from skin_app.words.language import Say


def answer_status(say: Say, analysis: Analysis, refining: bool) -> str:
    """Which answer is shown, from how much, where it was computed and by which weights."""
    members = len(analysis.members)
    sentence = say(
        words.QUICK_ANSWER if refining else words.FULL_ANSWER,
        members=say(words.ONE_MEMBER if members == 1 else words.MEMBERS, count=members),
        views=say(words.ONE_VIEW if analysis.views == 1 else words.VIEWS, count=analysis.views),
    )
    return status(
        sentence, say(words.COMPUTED_ON, device=analysis.device, weights=analysis.weights.identity)
    )


def ranking_panel(say: Say, analysis: Analysis, in_set: Sequence[bool] | None = None) -> str:
    """The seven diagnoses, most probable first; each is a button for its map. And the malignant total.

    `in_set`: whether each of them, in that order, is in the prediction set; None where there is none.
    """
    inside = in_set or (False,) * len(DIAGNOSES)
    rows = "".join(
        f'<tr class="{"first" if place == 0 else ""}"><th scope="row">'
        f'<button type="button" class="pick" data-code="{entry.diagnosis.code}" '
        f'aria-pressed="{"true" if place == 0 else "false"}">{named(say, entry.diagnosis)}'
        f'<span class="hidden-text"> {say(words.SHOW_ITS_MAP)}</span></button></th>'
        f'<td><div class="bar" aria-hidden="true"><i style="width:{entry.probability:.1%};'
        f'background:{entry.diagnosis.colour}"></i></div></td>'
        f'<td class="number">{percent(say, entry.probability)}</td>'
        f'<td class="number quiet">{percent(say, entry.prior_adjusted)}</td>'
        + ("" if in_set is None else f'<td class="set">{_mark(say, inside[place])}</td>')
        + "</tr>"
        for place, entry in enumerate(analysis.ranked)
    )
    codes = ", ".join(d.code for d, malignant in zip(DIAGNOSES, MALIGNANT, strict=True) if malignant)
    total = say(
        words.MALIGNANT_TOGETHER, codes=codes, share=percent(say, analysis.malignant_probability)
    )
    return (
        f'<section class="panel"><h2>{say(words.RANKING)}</h2>'
        f'<table class="facts ranking"><caption>{say(words.RANKING_CAPTION)}</caption><thead><tr>'
        f'<th scope="col">{say(words.DIAGNOSIS)}</th>'
        f'<th scope="col"><span class="hidden-text">{say(words.BAR)}</span></th>'
        f'<th scope="col" class="number">{say(words.PROBABILITY)}</th>'
        f'<th scope="col" class="number wrapped">{say(words.EQUALLY_COMMON)}</th>'
        + ("" if in_set is None else f'<th scope="col" class="wrapped">{say(words.IN_SET)}</th>')
        + f'</tr></thead><tbody>{rows}</tbody></table><p class="total">{total}</p></section>'
    )


def _mark(say: Say, inside: bool) -> str:
    return (
        f"<strong>{say(words.YES)}</strong>"
        if inside
        else f'<span class="quiet">{say(words.NO)}</span>'
    )


def members_panel(say: Say, analysis: Analysis) -> str:
    """Each member's own first two answers, beside the ensemble's."""
    answers = [(say(words.ALL_TOGETHER), analysis.probabilities)]
    answers += [(say(words.MEMBER, number=i + 1), row) for i, row in enumerate(analysis.members)]
    rows = []
    for name, probabilities in answers:
        first, second = np.argsort(-probabilities, kind="stable")[:2]
        rows.append(
            (
                escape(name),
                f"{named(say, DIAGNOSES[first])} {percent(say, float(probabilities[first]))}",
                f"{named(say, DIAGNOSES[second])} {percent(say, float(probabilities[second]))}",
            )
        )
    return (
        f'<section class="panel members"><h2>{say(words.DO_MEMBERS_AGREE)}</h2>'
        f"{table(said(say, words.MEMBER_COLUMNS), rows, stacked=True)}</section>"
    )
