"""The nearest confirmed lesions as cards, and what they are in numbers."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from skin_app.display import data_url
from skin_app.gallery.similar_lesions import NOT_STATED, LesionPictures, SimilarLesion
from skin_app.page.html import BY_CODE, named, status
from skin_app.words import page as words
from skin_app.words.language import Say
from skin_app.words.outcome import TO_CHECK


def similar_lesions(say: Say, lesions: Sequence[SimilarLesion], pictures: LesionPictures) -> str:
    """Counts by diagnosis, then one card a lesion with its picture where there is one."""
    known = next((lesion for lesion in lesions if lesion.is_the_same_photo), None)
    warning = (
        status(say(TO_CHECK["training image"], image_id=known.image_id), level="note") if known else ""
    )
    notes = [say(words.SIMILAR_NOTE)]
    if len(pictures) == 0:
        notes.append(say(words.SIMILAR_WITHOUT_PICTURES))
    cards = "".join(_card(say, lesion, pictures) for lesion in lesions)
    return (
        f'<section class="panel similar"><h2>{say(words.SIMILAR)}</h2>{warning}'
        f"{counted(say, lesions)}"
        f'<ul class="lesions">{cards}</ul><p class="quiet">{" ".join(notes)}</p></section>'
    )


def counted(say: Say, lesions: Sequence[SimilarLesion]) -> str:
    """How many lesions have which diagnosis and how those were confirmed; the commonest first."""
    entries = []
    for code, number in Counter(lesion.dx for lesion in lesions).most_common():
        ways = Counter(lesion.confirmed for lesion in lesions if lesion.dx == code)
        how = ", ".join(
            say(words.SIMILAR_UNSTATED, number=count)
            if way == NOT_STATED
            else say(words.SIMILAR_CONFIRMED, number=count, how=say(way))
            for way, count in ways.most_common()
        )
        entries.append(
            "<li>"
            + say(
                words.SIMILAR_ENTRY,
                number=f"<strong>{number}</strong>",
                name=named(say, BY_CODE[code]),
                how=escape(how),
            )
            + "</li>"
        )
    return (
        f"<p>{say(words.SIMILAR_COUNT, count=len(lesions))}</p>"
        f'<ul class="counts">{"".join(entries)}</ul>'
    )


def _card(say: Say, lesion: SimilarLesion, pictures: LesionPictures) -> str:
    diagnosis = BY_CODE[lesion.dx]
    thumbnail = pictures.thumbnail(lesion.image_id)
    if thumbnail is None:
        picture = f'<span class="nothing">{say(words.NO_PICTURE)}</span>'
    else:
        alt = say(words.PICTURE_OF, name=say(diagnosis.name), image_id=lesion.image_id)
        picture = f'<img src="{data_url(thumbnail, 82)}" alt="{escape(alt)}" loading="lazy">'
    person = [
        None if lesion.age is None else say(words.AGED, age=f"{lesion.age:.0f}"),
        lesion.sex and say(lesion.sex),
        lesion.site and say(lesion.site),
    ]
    stated = ", ".join(fact for fact in person if fact) or say(words.NOT_STATED)
    return (
        f'<li class="{"bad" if diagnosis.malignant else ""}">{picture}'
        f"<strong>{named(say, diagnosis)}</strong>"
        f"<span>{escape(say(lesion.confirmed))}</span>"
        f"<span>{say(words.SIMILARITY, similarity=say.number(lesion.similarity, '.3f'))}</span>"
        f'<span class="quiet">{escape(stated)}</span>'
        f'<a href="{escape(lesion.link)}" target="_blank" rel="noopener">'
        f"{escape(say(words.IN_ARCHIVE, image_id=lesion.image_id))}</a></li>"
    )
