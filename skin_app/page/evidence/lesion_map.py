"""Of the Evidence tab: the map of held-out lesions, with the place of the photo that was analysed."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from skin_app.analysis import Analysis
from skin_app.diagnoses import DIAGNOSES
from skin_app.gallery.lesion_map import NEIGHBOURS, LesionMap
from skin_app.page.evidence import plots
from skin_app.page.evidence.measured import Asked
from skin_app.page.html import BY_CODE, named, percent, status
from skin_app.weights.folder import WeightsError, WeightsFolder
from skin_app.words import evidence as words
from skin_app.words.language import Say


@dataclass(frozen=True, eq=False)
class Drawn:
    """A map with its `picture` (a `data:` URL), which holds no words."""

    lesions: LesionMap
    picture: str


def map_panel(say: Say, weights: WeightsFolder, analysis: Analysis | None) -> str:
    """The map, and on it the place of an analysed photo; None: no photo was analysed yet.

    The map is read and drawn once for each weights, then kept.
    """
    try:
        drawn = _drawn(Asked(weights.hash, "any", weights, say))
    except WeightsError as error:
        return status(str(error), level="error")
    title = f"<h2>{say(words.MAP)}</h2>"
    if drawn is None:
        return f'<section class="panel evidence">{title}<p>{say(words.NO_MAP)}</p></section>'
    mark, told = "", f'<p class="quiet">{say(words.MAP_EMPTY)}</p>'
    if analysis is not None:
        mark, told = _photo(say, drawn.lesions, analysis)
    alt = say(words.MAP_ALT, images=say.number(len(drawn.lesions)))
    return (
        f'<section class="panel evidence">{title}<div class="beside map">'
        f'<div class="plot"><div class="places"><img src="{drawn.picture}" alt="{alt}">{mark}</div>'
        f"{_legend(say, drawn.lesions, bool(mark))}</div>"
        f"<div>{told}{_explained(say, drawn.lesions)}</div></div></section>"
    )


@lru_cache(maxsize=4)
def _drawn(asked: Asked) -> Drawn | None:
    lesions = asked.weights.lesion_map()
    return None if lesions is None else Drawn(lesions, plots.map_picture(lesions))


def _photo(say: Say, lesions: LesionMap, analysis: Analysis) -> tuple[str, str]:
    """The mark on the map, and in words which diagnoses the photo's neighbours have."""
    place = lesions.place(analysis.embedding)
    left, top = plots.on_picture(lesions, place)
    mark = f'<span class="here" style="left:{left:.2%};top:{top:.2%}" aria-hidden="true"></span>'
    counts = Counter(place.neighbours).most_common()
    items = "".join(
        f"<li>{say(words.MAP_NEIGHBOUR, number=number, name=named(say, BY_CODE[code]))}</li>"
        for code, number in counts
    )
    novel = analysis.assessment is not None and analysis.assessment.novelty.is_novel
    warning = status(say(words.MAP_NOVEL), level="note") if novel else ""
    heading = say(words.MAP_NEIGHBOURS, count=len(place.neighbours))
    return mark, f'{warning}<p>{heading}</p><ul class="counts">{items}</ul>'


def _legend(say: Say, lesions: LesionMap, with_photo: bool) -> str:
    counts = Counter(lesions.diagnoses.tolist())
    entries = [
        f'<li>{plots.sign(diagnosis)}{say(diagnosis.name)} <span class="code">'
        f"{say.number(counts[diagnosis.code])}</span></li>"
        for diagnosis in DIAGNOSES
    ]
    if with_photo:
        entries.insert(0, f'<li><span class="here still"></span>{say(words.MAP_HERE)}</li>')
    return f'<ul class="signs">{"".join(entries)}</ul>'


def _explained(say: Say, lesions: LesionMap) -> str:
    placing = lesions.placing
    return (
        f"<p>{say(words.MAP_NOTE, images=say.number(len(lesions)))}</p><p>"
        + say(
            words.MAP_AGREEMENT,
            neighbours=NEIGHBOURS,
            share=percent(say, placing.agreement),
            classes=percent(say, placing.agreement_of_classes),
            chance=percent(say, placing.agreement_by_chance),
        )
        + "</p><p>"
        + say(
            words.MAP_PLACING,
            neighbours=NEIGHBOURS,
            share=percent(say, placing.distance / placing.by_chance),
        )
        + "</p>"
    )
