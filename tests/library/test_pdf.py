"""The one-page report: always one page, and the record's own numbers on it."""

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from gettext import NullTranslations
from pathlib import Path

import numpy as np
import pytest
from pypdf import PdfReader

from skin_app.analysis import NO_NOTES, NOTHING, Analysis, Notes
from skin_app.context import Patient
from skin_app.diagnoses import DIAGNOSES
from skin_app.ensemble import Ensemble
from skin_app.gallery.similar_lesions import SimilarLesion
from skin_app.photo.read import Photo
from skin_app.quality import CHECKS, Check, Finding
from skin_app.report.json_record import record
from skin_app.words import page as shared
from skin_app.words import patient as patient_words
from skin_app.words import pdf as words
from skin_app.words.language import ENGLISH, GERMAN, NO_BREAK, Say
from skin_app.words.outcome import OUTCOMES, REASONS
from skin_app.words.photo import ADVICE
from tests.tiny import give_trust, picture, write_weights

NOON = datetime(2026, 11, 21, 12, 30, tzinfo=timezone.utc)
PHOTO = picture(1, 240, 180)


@pytest.fixture(scope="module")
def analysis(trusted: Ensemble) -> Analysis:
    return trusted(Photo(PHOTO))


def printed(
    analysis: Analysis,
    say: Say = ENGLISH,
    notes: Notes = NO_NOTES,
    thumbnails: Mapping[str, np.ndarray] = NOTHING,
) -> PdfReader:
    return PdfReader(io.BytesIO(analysis.to_pdf(say, notes, NOON, thumbnails)))


def text_of(reader: PdfReader) -> str:
    """The words of the one page, without line breaks and with plain blanks."""
    (page,) = reader.pages
    return " ".join(page.extract_text().split())


def plain(text: str) -> str:
    return " ".join(text.split())


def test_the_page_has_the_numbers_of_the_record(trusted: Ensemble, analysis: Analysis) -> None:
    made = record(analysis, NOON)
    percent = partial(ENGLISH.percent, digits=1)
    total = made["malignant_probability"]
    expected = [
        *(words.DISCLAIMER, "2026-11-21 12:30 UTC", analysis.device),
        *(OUTCOMES[made["outcome"] or ""], made["reason"] or ""),
        f"Malignant (akiec, bcc, mel): {percent(total)}",
        *(trusted.weights.identity, trusted.weights.hash),
    ]
    for entry in made["diagnoses"]:
        shares = percent(entry["probability"]), percent(entry["prior_adjusted"])
        expected += [f"({entry['code']})", *shares]
    for point in made["operating_points"]:
        side = "above" if total >= point["threshold"] else "below"
        expected.append(f"{side} {percent(point['threshold'])}")
    for lesion in made["similar"][:6]:
        facts = f"{lesion['confirmed']}; similarity {lesion['similarity']:.3f}"
        expected += [lesion["image_id"], facts]
    text = text_of(printed(analysis))
    assert [part for part in expected if not part or plain(part) not in text] == []


def test_malignant_diagnoses_are_called_so_and_what_the_clinician_states_is_printed(
    analysis: Analysis,
) -> None:
    stated = ("left shoulder", "Dermatofibroma?", "Grew since June.")
    text = text_of(printed(analysis.with_patient(Patient(54, "female")), notes=Notes(*stated)))
    for diagnosis in DIAGNOSES:
        assert (f"({diagnosis.code}), malignant" in text) == diagnosis.malignant
    assert words.READER in text
    assert all(part in text for part in ("54", "female", *stated))


def test_the_answer_with_age_stands_beside_that_of_the_photo(analysis: Analysis) -> None:
    old = analysis.with_patient(Patient(85))
    assert old.in_context is not None
    alone, text = text_of(printed(analysis)), text_of(printed(old))
    assert patient_words.ONLY_RAISES not in alone
    assert patient_words.WITH_AGE not in alone
    assert patient_words.ONLY_RAISES in text
    for share in (*old.in_context.probabilities, old.in_context.malignant_probability):
        assert ENGLISH.percent(share, 1).replace(NO_BREAK, " ") in text
    total = ENGLISH.percent(old.in_context.malignant_probability, 1).replace(NO_BREAK, " ")
    assert f"With age: {total}" in text
    assert words.READER_USED.format(context=patient_words.WITH_AGE) in text
    assert words.READER_UNUSED in alone


def test_headings_are_broken_only_at_hyphens_and_long_entries_are_marked(analysis: Analysis) -> None:
    text = text_of(printed(analysis, GERMAN, Notes(own_diagnosis="Lentigo maligna, " * 30)))
    assert "Ziel- Sensitivität" in text
    assert " …" in text
    assert " …" not in text_of(printed(analysis, GERMAN, Notes(own_diagnosis="Lentigo maligna")))


@pytest.mark.parametrize(
    "notes",
    [
        "word " * 4_000,
        "😀中文" * 7_000,
        "x" * 20_000,
        "line\n" * 4_000,
        "\u0301" * 20_000,
        "\ud800\x00",
    ],
    ids=["words", "emoji and Chinese", "one word", "lines", "marks of no width", "no characters"],
)
def test_extreme_notes_are_one_page_and_say_when_they_are_cut(analysis: Analysis, notes: str) -> None:
    text = text_of(printed(analysis, notes=Notes(notes, notes, notes)))
    assert (words.NOTES_CUT in text) == (len(notes) > 1_000)


@pytest.mark.parametrize(("notes", "lacking"), [("Žluťoučký αβγ Жук", False), ("皮膚", True)])
def test_characters_that_the_font_lacks_are_owned_up_to(
    analysis: Analysis, notes: str, lacking: bool
) -> None:
    text = text_of(printed(analysis, notes=Notes(text=notes)))
    assert ("this page's font lacks" in text) == lacking
    assert (notes in text) != lacking


@pytest.mark.parametrize("size", [(64, 3000), (3000, 64), (900, 900)])
def test_pictures_of_any_shape_and_thumbnails_fit(analysis: Analysis, size: tuple[int, int]) -> None:
    thumbnails = {lesion.image_id: picture(3) for lesion in analysis.similar}
    black = replace(analysis, photo=Photo(np.zeros((*size, 3), dtype=np.uint8)))
    reader = printed(black, thumbnails=thumbnails)
    (page,) = reader.pages
    assert len(page.images) >= 2  # the same picture is stored once
    assert plain(words.THUMBNAILS_FROM) in text_of(reader)


def test_without_trust_and_for_a_refused_photo_nothing_is_made_up(tmp_path: Path) -> None:
    bare = Ensemble.load(write_weights(tmp_path / "bare"))
    text = text_of(printed(bare(Photo(PHOTO))))
    assert words.NO_OUTCOME in text
    assert words.NOT_CHECKED in text
    strict = Ensemble.load(give_trust(write_weights(tmp_path / "strict"), novelty_limit=-1e9))
    text = text_of(printed(strict(Photo(PHOTO))))
    assert OUTCOMES["not dermatoscopic, suspicious"] in text  # the refusal does not hide it
    assert REASONS["not_dermatoscopic_suspicious"] in text
    assert shared.POINTS_OFF in text
    assert "readings" not in text


@pytest.mark.parametrize("checks", [CHECKS[:3], CHECKS])
def test_warnings_stand_there_with_the_gravest_first(
    analysis: Analysis, checks: tuple[Check, ...]
) -> None:
    same = SimilarLesion("ISIC_0000001", "mel", "histopathology", 0.999, None, None, None, True)
    assert analysis.assessment is not None
    found = tuple(Finding(check.name, check.fault, 1.0, 0.5) for check in checks)
    assessment = replace(
        analysis.assessment,
        look=replace(analysis.assessment.look, findings=found),
        heat_on_lesion=np.full(7, 0.01),
        heat_is_outside=True,
    )
    text = text_of(printed(replace(analysis, similar=(same,), assessment=assessment)))
    assert words.CHECK_FIRST in text
    assert "{" not in text  # a sentence's place without its value
    assert "most likely a training image (ISIC_0000001)" in text
    assert "lies on the lesion: 1 %. The lesion covers" in text
    assert all(ADVICE[check.fault] in text for check in CHECKS[:3])
    # no photo is too dark and too bright at once, but if one were, nothing would go unsaid
    assert (words.MORE_CHECKS.strip() in text) == (checks is CHECKS)


class Longer(NullTranslations):
    def gettext(self, message: str) -> str:
        return message + " länger" * (len(message) // 20 if message in vars(words).values() else 0)


def test_a_language_with_longer_sentences_fits_too(analysis: Analysis) -> None:
    longer = Say("de", Longer())
    text = text_of(printed(analysis, longer, Notes(text="n " * 9_000)))
    first = longer.percent(analysis.ranked[0].probability, 1)
    assert plain(first) in text
    assert "," in first
