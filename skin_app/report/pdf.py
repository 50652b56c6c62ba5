"""The one-page report of one photo: its record, printed on A4 with the photo and a map."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from skin_app.analysis import Analysis, Notes
from skin_app.context import InContext
from skin_app.diagnoses import DIAGNOSES
from skin_app.outcome import Decision
from skin_app.overlay import for_display, overlay
from skin_app.report import json_record
from skin_app.report.json_record import Record, SimilarRecord
from skin_app.report.pdf_sheet import GREY, NO_GLYPH, WHITE, Box, Sheet
from skin_app.words import page as shared
from skin_app.words import patient as patient_words
from skin_app.words import pdf as words
from skin_app.words.language import Say
from skin_app.words.outcome import OUTCOME_MEANING, OUTCOMES, REASONS

LEFT, WIDTH, HALF, GAP = 12.0, 186.0, 91.0, 4.0  # mm
RIGHT_HALF = LEFT + HALF + GAP
RED = (176, 28, 28)
SIMILAR = 6
NO_SET = "\N{EN DASH}"
NAMES = {diagnosis.code: diagnosis.name for diagnosis in DIAGNOSES}


def one_page(
    say: Say,
    analysis: Analysis,
    made_at: datetime | None,
    notes: Notes,
    thumbnails: Mapping[str, np.ndarray],
    opacity: float,
) -> bytes:
    """One A4 page about one photo, as a PDF; arguments as for `Analysis.to_pdf`."""
    if analysis.photo is None:
        raise ValueError("The analysis was kept without its photo: put it, or a copy, into `photo`.")
    record = json_record.record(analysis, made_at, notes)
    made_at = datetime.fromisoformat(record["made_at"])
    photo = for_display(analysis.photo)
    drawn = None
    if analysis.maps is not None:
        drawn = overlay(photo, analysis.maps[analysis.ranked[0].diagnosis.code], opacity)
    sheet = Sheet(say(words.TITLE), say.code, made_at)
    _head(say, sheet, record, analysis, made_at)
    _pictures(say, sheet, record, photo.pixels, drawn)
    _ranking(say, sheet, record)
    _points(say, sheet, record)
    _checks(say, sheet, analysis)
    _similar(say, sheet, record, thumbnails)
    _notes(say, sheet, record)
    _foot(say, sheet, record)
    return sheet.to_bytes()


def _head(say: Say, sheet: Sheet, record: Record, analysis: Analysis, made_at: datetime) -> None:
    sheet.text(Box(LEFT, 9, 140, 7), say(words.TITLE), 14, bold=True)
    date = made_at.strftime("%Y-%m-%d %H:%M %Z")
    sheet.text(Box(LEFT + 140, 11, WIDTH - 140, 5), date, 8, colour=GREY, right=True)
    sheet.fill(Box(LEFT, 17, WIDTH, 9), RED)
    sheet.text(Box(LEFT + 2, 18, WIDTH - 4, 7.4), say(words.DISCLAIMER), 8, bold=True, colour=WHITE)
    said, why = say(words.NO_OUTCOME), say(words.NO_LIMITS)
    if analysis.assessment is not None:
        decision = analysis.assessment.decision
        said = say(OUTCOMES[decision.shown])
        why = f"{say(REASONS[decision.reason])} {say(OUTCOME_MEANING[decision.outcome])}"
        why += _context(say, record, analysis.in_context, decision)
    sheet.text(Box(LEFT, 28, WIDTH, 6), said, 12, bold=True)
    sheet.text(Box(LEFT, 33.8, WIDTH, 7.4), why, 8.5)


def _context(say: Say, record: Record, in_context: InContext | None, decision: Decision) -> str:
    """Whether the patient's age and sex raised the outcome; empty without an age."""
    if in_context is None:
        return ""
    photo, shown = in_context.photo_shown or decision.shown, decision.shown
    sentence = patient_words.OUTCOME_KEPT if photo == shown else patient_words.OUTCOME_RAISED
    values = {"photo": say(OUTCOMES[photo]), "raised": say(OUTCOMES[shown])}
    said = say(sentence, context=_context_name(say, record), **values)
    return f" {said} {say(patient_words.ONLY_RAISES)}"


def _context_name(say: Say, record: Record) -> str:
    patient = record["patient"]
    return say(patient_words.WITH_AGE_AND_SEX if patient and patient["sex"] else patient_words.WITH_AGE)


def _pictures(
    say: Say, sheet: Sheet, record: Record, photo_pixels: np.ndarray, map_pixels: np.ndarray | None
) -> None:
    half = (HALF - 1) / 2
    caption = _caption(say, record)
    tall = sheet.picture(Box(LEFT, 43, half, 46), photo_pixels, say(words.PHOTO))
    if map_pixels is None:
        caption = [say(words.NO_MAP)]
    else:
        right = Box(LEFT + half + 1, 43, half, 46)
        tall = max(tall, sheet.picture(right, map_pixels, caption[0]))
    top = 43 + tall + 1
    sheet.text(Box(LEFT, top, HALF, 116 - top), " ".join(caption), 6.5, colour=GREY)


def _caption(say: Say, record: Record) -> list[str]:
    """Which class the map is of, what its colours mean, and what it does not mean."""
    first, shares = record["diagnoses"][0], record["heat_on_lesion"]
    name, share = say(first["name"]), say.percent(first["probability"], 1)
    sentences = [say(words.CAPTION, name=name, code=first["code"], share=share)]
    on_lesion = None if shares is None else shares[first["code"]]
    if on_lesion is not None:
        sentences.append(say(shared.ON_LESION, share=say.percent(on_lesion, 1)))
    sentences += [say(words.COLOURS), say(words.MAP_MEANING)]
    if record["maps_are_weak"]:
        sentences.append(say(shared.MAP_IS_WEAK))
    return sentences


def _ranking(say: Say, sheet: Sheet, record: Record) -> None:
    left, top = RIGHT_HALF, 43.0
    in_context = record["in_context"]
    widths, beside = (41.0, -19.0, -17.0, -14.0), {}
    sheet.text(Box(left, top, HALF, 5), say(shared.RANKING), 9.5, bold=True)
    columns = [say(column) for column in words.RANKING_COLUMNS]
    if in_context is not None:
        widths, beside = (35.0, -13.0, -15.0, -16.0, -12.0), in_context["probabilities"]
        columns[1:2] = [say(patient_words.PHOTO_ALONE), _context_name(say, record)]
    sheet.rows([Box(left, top + 5.5, HALF, 6.6)], [columns], widths, 6)
    lines, rows = [], []
    for place, entry in enumerate(record["diagnoses"]):
        line = top + 12.6 + place * 6
        sheet.rule(left, line - 0.4, HALF)
        name = f"{say(entry['name'])} ({entry['code']})"
        name += f", {say(shared.MALIGNANT)}" if entry["malignant"] else ""
        inside = entry["in_90_set"]
        cells = [
            name,
            say.percent(entry["probability"], 1),
            *([say.percent(beside[entry["code"]], 1)] if beside else []),
            say.percent(entry["prior_adjusted"], 1),
            NO_SET if inside is None else say(shared.YES if inside else shared.NO),
        ]
        lines.append(Box(left, line + 0.1, HALF, 5.5))
        rows.append(cells)
    sheet.rows(lines, rows, widths, 7.5, bold_first=True)
    sheet.rule(left, top + 54.2, HALF)
    codes = ", ".join(diagnosis.code for diagnosis in DIAGNOSES if diagnosis.malignant)
    total = {"codes": codes, "share": say.percent(record["malignant_probability"], 1)}
    mass = say(words.MASS, **total)
    if in_context is not None:
        raised = say.percent(in_context["malignant_probability"], 1)
        total |= {"raised": raised, "context": _context_name(say, record)}
        mass = say(words.MASS_IN_CONTEXT, **total)
    sheet.text(Box(left, top + 55, HALF, 4), mass, 8.5, bold=True)
    sheet.text(Box(left, top + 59.5, HALF, 5.5), say(words.RANKING_NOTE), 6.5, colour=GREY)
    sheet.text(Box(left, top + 65.5, HALF, 7), _agreement(say, record), 7.5)


def _agreement(say: Say, record: Record) -> str:
    """Empty, as on the page, for weights without limits and for novel photos."""
    if record["agreement"] is None or record["novelty"] is None or record["novelty"]["is_novel"]:
        return ""
    readings = len(record["members"]) * record["views"]
    agreeing = round(record["agreement"] * readings)
    return say(shared.AGREEMENT, agreeing=agreeing, readings=readings)


def _points(say: Say, sheet: Sheet, record: Record) -> None:
    top = 118.0
    sheet.text(Box(LEFT, top, HALF, 5), say(shared.POINTS_TITLE), 9.5, bold=True)
    if not record["operating_points"]:
        why = words.NO_LIMITS if record["outcome"] is None else shared.POINTS_OFF
        sheet.text(Box(LEFT, top + 6, HALF, 20), say(why), 7.5)
        return
    widths = (16.0, 28.5, 28.5, 18.0)
    columns = [say(column) for column in words.POINT_COLUMNS]
    sheet.rows([Box(LEFT, top + 5.5, HALF, 6.4)], [columns], widths, 6)
    lines, rows = [], []
    points = sorted(record["operating_points"], key=lambda point: point["threshold"])
    for place, point in enumerate(points):  # in the page's order
        line = top + 12.4 + place * 4.6
        sheet.rule(LEFT, line - 0.4, HALF)
        cells = [
            say.percent(point["target_sensitivity"]),
            _with_interval(say, point["sensitivity"], point["sensitivity_interval"]),
            _with_interval(say, point["specificity"], point["specificity_interval"]),
            say(
                words.ABOVE if point["above"] else words.BELOW, line=say.percent(point["threshold"], 1)
            ),
        ]
        lines.append(Box(LEFT, line + 0.3, HALF, 3.6))
        rows.append(cells)
    sheet.rows(lines, rows, widths, 7)
    sheet.text(Box(LEFT, top + 26.8, HALF, 8), say(words.POINTS_NOTE), 6.5, colour=GREY)


def _with_interval(say: Say, share: float, interval: list[float]) -> str:
    low, high = (say.counted(bound, digits=1) for bound in interval)
    return say(words.WITH_INTERVAL, share=say.counted(share, digits=1), low=low, high=high)


def _checks(say: Say, sheet: Sheet, analysis: Analysis) -> None:
    sheet.text(Box(RIGHT_HALF, 118, HALF, 5), say(words.CHECK_FIRST), 9.5, bold=True)
    sentences = [check.said(say) for check in analysis.to_check or ()]
    if analysis.assessment is None:
        sentences.append(say(words.NOT_CHECKED))
    elif analysis.assessment.look.tone is None:
        sentences.append(say(shared.NO_TONE))
    text = "\n".join(f"• {sentence}" for sentence in sentences) or say(words.NO_CHECKS)
    sheet.text(Box(RIGHT_HALF, 123.5, HALF, 30), text, 7.5, cut=say(words.MORE_CHECKS))


def _similar(say: Say, sheet: Sheet, record: Record, thumbnails: Mapping[str, np.ndarray]) -> None:
    lesions = record["similar"][:SIMILAR]
    note = say(words.SIMILAR_NOTE)
    if any(lesion["image_id"] in thumbnails for lesion in lesions):
        note += " " + say(words.THUMBNAILS_FROM)
    sheet.text(Box(LEFT, 155, 94, 5), say(shared.SIMILAR), 9.5, bold=True)
    sheet.text(Box(LEFT + 96, 155.2, WIDTH - 96, 5.6), note, 6.5, colour=GREY, right=True)
    for place, lesion in enumerate(lesions):
        row, column = divmod(place, 3)
        box = Box(LEFT + column * 63, 161.5 + row * 15.5, 60, 14.5)
        _card(say, sheet, box, lesion, thumbnails.get(lesion["image_id"]))


def _card(
    say: Say, sheet: Sheet, box: Box, lesion: SimilarRecord, thumbnail: np.ndarray | None
) -> None:
    left = box.left
    diagnosis = f"{say(NAMES[lesion['diagnosis']])} ({lesion['diagnosis']})"
    if thumbnail is not None:
        sheet.picture(
            Box(left, box.top, 18, box.height), thumbnail, f"{lesion['image_id']}: {diagnosis}"
        )
        left += 19.5
    width = box.left + box.width - left
    similarity = say.number(lesion["similarity"], 3)
    facts = say(words.SIMILAR_FACTS, how=say(lesion["confirmed"]), similarity=similarity)
    tall = sheet.text(Box(left, box.top, width, 6.4), diagnosis, 7.5, bold=True)
    tall += sheet.text(Box(left, box.top + tall, width, 5.2), facts, 7)
    sheet.text(Box(left, box.top + tall, width, 3), lesion["image_id"], 7, colour=GREY)


def _notes(say: Say, sheet: Sheet, record: Record) -> None:
    patient, notes = record["patient"], record["notes"]
    top, column = 194.0, WIDTH / 4
    sheet.text(Box(LEFT, top, 66, 5), say(words.READER), 9.5, bold=True)
    used = say(words.READER_UNUSED)
    if record["in_context"] is not None:
        used = say(words.READER_USED, context=_context_name(say, record))
    sheet.text(Box(LEFT + 68, top - 0.6, WIDTH - 68, 5.6), used, 6.5, colour=GREY, right=True)
    age, sex = (patient["age"], patient["sex"]) if patient else (None, None)
    stated = [
        None if age is None else say.number(age, digits=None),
        None if sex is None else say(sex),
        *(notes[key] if notes else None for key in ("site", "own_diagnosis")),
    ]
    for place, (label, value) in enumerate(zip(words.READER_FIELDS, stated, strict=True)):
        left = LEFT + place * column
        sheet.text(Box(left, top + 5.5, column - 4, 3), say(label), 6.5, colour=GREY)
        sheet.text(Box(left, top + 8.8, column - 4, 7), value or "", 8.5)
        sheet.rule(left, top + 16.2, column - 4)
    text = (notes["text"] if notes else None) or ""
    sheet.text(Box(LEFT, top + 18, WIDTH, 4.5), say(shared.REPORT_NOTES), 9.5, bold=True)
    tall = sheet.text(Box(LEFT, top + 23, WIDTH, 60), text, 8.5, cut=say(words.NOTES_CUT))
    for line in range(int(top + 31), 277, 8):  # room to write by hand
        if line > top + 23 + tall + 6:
            sheet.rule(LEFT, line, WIDTH)
    texts = "".join(part for part in (*stated, text) if part)
    if sheet.printable(texts).count(NO_GLYPH) > texts.count(NO_GLYPH):
        lacking = say(words.NO_GLYPHS, square=NO_GLYPH)
        sheet.text(Box(LEFT + 40, top + 18.3, WIDTH - 40, 4.3), lacking, 6.5, colour=GREY, right=True)


def _foot(say: Say, sheet: Sheet, record: Record) -> None:
    weights = record["weights"]
    made_by = say(words.MADE_BY, weights=weights["identity"], sha256=weights["sha256"])
    computed = say(
        words.COMPUTED,
        device=record["device"],
        members=len(record["members"]),
        views=record["views"],
    )
    sheet.rule(LEFT, 279, WIDTH)
    sheet.text(Box(LEFT, 280, WIDTH, 10), f"{made_by} {computed}", 6.5, colour=GREY)
