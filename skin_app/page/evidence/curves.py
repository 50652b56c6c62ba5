"""Of the Evidence tab: confusions, reliability and ROC curves, each with its numbers as text."""

from html import escape

import numpy as np

from skin_app.diagnoses import DIAGNOSES, Diagnosis
from skin_app.page.evidence import plots
from skin_app.page.evidence.measured import scores_by_rule
from skin_app.page.html import (
    area,
    figure,
    folded,
    named,
    percent,
    said,
    share,
    share_with_interval,
    table,
    with_interval,
)
from skin_app.views import VIEWS
from skin_app.weights.evaluation import Evaluation, Reliability, confusions
from skin_app.weights.folder import WeightsFolder
from skin_app.words import evidence as words
from skin_app.words.language import Say

PAIRS = 8


def confusion_section(say: Say, weights: WeightsFolder) -> str:
    """Confused diagnoses, with crossfit calibrations; empty for weights without scores."""
    by_rule = scores_by_rule(weights)
    counts = {
        rule: np.array(by_rule[rule]["confusion_matrix"]["counts"])
        for rule in words.RULES
        if "confusion_matrix" in by_rule.get(rule, {})
    }
    if "calibrated" not in counts:
        return ""
    tables = [
        folded(say(words.CONFUSION_RULE, rule=say(words.RULES[rule])), _matrix(say, own))
        for rule, own in counts.items()
    ]
    return (
        f"<h2>{say(words.CONFUSION)}</h2>{_pairs(say, counts['calibrated'])}"
        f'<p class="quiet">{say(words.CONFUSION_CAPTION)}</p>{"".join(tables)}'
    )


def reliability_section(say: Say, weights: WeightsFolder, evaluation: Evaluation | None) -> str:
    """Whether the probabilities mean what they say, as a figure, a sentence and a table."""
    title = f"<h2>{say(words.RELIABILITY)}</h2>"
    if evaluation is None:
        return f"{title}<p>{say(words.NO_PREDICTIONS)}</p>"
    reliability = evaluation.reliability
    scores = scores_by_rule(weights).get("calibrated", {})
    key = "expected_calibration_error"
    shipped = percent(say, reliability.error)
    if key in scores:
        crossfit = with_interval(say, scores, key, share)
        note = say(words.RELIABILITY_NOTE, shipped=shipped, crossfit=crossfit)
    else:
        note = say(words.RELIABILITY_ALONE, shipped=shipped)
    drawn = figure(
        plots.reliability_figure(say, reliability),
        say(words.RELIABILITY_ALT),
        say(words.SHIPPED),
    )
    bins = folded(say(words.AS_A_TABLE), _bins(say, reliability))
    return f'{title}<div class="beside">{drawn}<div><p>{note}</p>{bins}</div></div>'


def roc_section(say: Say, weights: WeightsFolder, evaluation: Evaluation | None) -> str:
    """How well diagnoses are told apart: two figures, and the malignant group's numbers."""
    if evaluation is None:
        return ""
    parts = (
        _malignant_roc(say, weights, evaluation),
        _class_roc(say, evaluation, bool(scores_by_rule(weights))),
    )
    return (
        f"<h2>{say(words.ROC)}</h2><p>{say(words.ROC_NOTE)}</p>"
        f'<div class="beside">{"".join(parts)}</div>'
    )


def _malignant_roc(say: Say, weights: WeightsFolder, evaluation: Evaluation) -> str:
    curve = evaluation.malignant_roc
    if curve is None:
        return ""
    trust = weights.contract.trust
    points = () if trust is None else trust.decisions.of(VIEWS).operating_points
    scores = scores_by_rule(weights).get("calibrated", {})
    caption = [say(words.SHIPPED)]
    if points:
        caption.append(say(words.POINTS_DRAWN))
    if "malignant_auc" in scores:
        caption.append(say(words.ROC_AREA, area=with_interval(say, scores, "malignant_auc", area)))
    rows = [
        (
            say(words.POINT, share=escape(say.percent(point.target_sensitivity, digits=0))),
            share_with_interval(say, point.sensitivity, point.sensitivity_interval),
            share_with_interval(say, point.specificity, point.specificity_interval),
        )
        for point in points
    ]
    drawn = figure(
        plots.malignant_roc_figure(say, curve, points),
        say(words.ROC_MALIGNANT_ALT),
        " ".join(caption),
    )
    numbers = table(said(say, words.POINT_COLUMNS), rows, numbers=(1, 2), stacked=True) if rows else ""
    return f"<div><h3>{say(words.ROC_MALIGNANT)}</h3>{drawn}{numbers}</div>"


def _class_roc(say: Say, evaluation: Evaluation, has_areas: bool) -> str:
    found = {diagnosis: evaluation.roc_of(diagnosis) for diagnosis in DIAGNOSES}
    curves = {diagnosis: curve for diagnosis, curve in found.items() if curve is not None}
    caption = say(words.SHIPPED) + (f" {say(words.ROC_AREAS_ABOVE)}" if has_areas else "")
    drawn = figure(plots.class_roc_figure(say, curves), say(words.ROC_CLASSES_ALT), caption)
    return f"<div><h3>{say(words.ROC_CLASSES)}</h3>{drawn}</div>"


def _bins(say: Say, reliability: Reliability) -> str:
    bins = len(reliability.images)
    edges = [say.number(100 * i / bins, ".1f") for i in range(bins + 1)]
    rows = [
        (
            say(words.BETWEEN, low=edges[i], high=edges[i + 1]),
            say.number(reliability.images[i]),
            percent(say, reliability.probability[i]),
            share(say, reliability.right[i]),
        )
        for i in np.flatnonzero(reliability.images)
    ]
    return table(said(say, words.RELIABILITY_COLUMNS), rows, numbers=(1, 2, 3), stacked=True)


def _pairs(say: Say, counts: np.ndarray) -> str:
    rows = [
        (
            named(say, pair.true),
            named(say, pair.called),
            say.number(pair.images),
            percent(say, pair.share),
        )
        for pair in confusions(counts)[:PAIRS]
    ]
    caption = say(words.PAIRS_CAPTION)
    return f"<h3>{say(words.PAIRS)}</h3>" + table(
        said(say, words.PAIR_COLUMNS), rows, numbers=(2, 3), caption=caption, stacked=True
    )


def _matrix(say: Say, counts: np.ndarray) -> str:
    head = "".join(f'<th scope="col">{_short(say, diagnosis)}</th>' for diagnosis in DIAGNOSES)
    rows = []
    for diagnosis, row in zip(DIAGNOSES, counts, strict=True):
        images = max(int(row.sum()), 1)
        cells = "".join(_cell(say, int(n), int(n) / images) for n in row)
        rows.append(f'<tr><th scope="row">{_short(say, diagnosis)}</th>{cells}</tr>')
    return (
        f'<table class="facts confusion"><thead><tr><th scope="col">{say(words.CONFUSION_CORNER)}</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _cell(say: Say, images: int, of_row: float) -> str:
    if images == 0:
        return '<td class="quiet">0</td>'
    shown = escape(say.percent(of_row, digits=0))
    return f'<td style="--share:{of_row:.2f}">{shown}<small>{say.number(images)}</small></td>'


def _short(say: Say, diagnosis: Diagnosis) -> str:
    return f'<abbr title="{escape(say(diagnosis.name))}">{diagnosis.code}</abbr>'
