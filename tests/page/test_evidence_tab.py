"""The Evidence tab: every number is the weights' own, and every figure shows it."""

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, roc_curve

from skin_app.analysis import Analysis
from skin_app.calibration import malignant_probability
from skin_app.diagnoses import CODES, MALIGNANT
from skin_app.ensemble import Ensemble
from skin_app.gallery.lesion_map import LesionMap, Place
from skin_app.page import evidence_plots as plots
from skin_app.page.evidence_tab import evidence_tab
from skin_app.photo.read import Photo
from skin_app.skin_tone import TONES
from skin_app.weights.evaluation import BINS, FILE, Evaluation, read_evaluation
from skin_app.weights.folder import EMBEDDED, WeightsFolder, open_weights
from skin_app.weights.outside_scores import read_outside_scores
from skin_app.words import evidence as words
from skin_app.words.language import ENGLISH, GERMAN, Say
from skin_app.words.page import TAB_EVIDENCE
from tests.page.conftest import Served, opened
from tests.page.test_access import serious
from tests.tiny import picture

Tab = Callable[[Say, Analysis | None], str]


@pytest.fixture(scope="module")
def embedded() -> WeightsFolder:
    return open_weights()


@pytest.fixture(scope="module")
def evaluation(embedded: WeightsFolder) -> Evaluation:
    found = read_evaluation(embedded)
    assert found is not None
    return found


def changed(weights: WeightsFolder, **parts: object) -> WeightsFolder:
    """Weights with another contract."""
    return replace(weights, contract=weights.contract.model_copy(update=parts))


@pytest.fixture(scope="module")
def tab(embedded: WeightsFolder) -> Tab:
    """The tab of the embedded weights, gathered once for all tests."""
    return evidence_tab(embedded)


def told(say: Say, weights: WeightsFolder) -> str:
    """The whole tab of some weights, without a photo."""
    return evidence_tab(weights)(say, None)


def section(html: str, title: str) -> str:
    """One folded section."""
    return html.split(f"<summary><h3>{title}</h3></summary>")[1].split("</details>")[0]


def card(html: str, name: str) -> str:
    """One figure with its sentence."""
    return html.split(f'<section class="card" id="{name}">')[1].split("</section>")[0]


def drawn(html: str, name: str) -> str:
    """The path of the line in a figure."""
    return card(html, name).split('<path class="line" d="')[1].split('"')[0]


def points(path: str) -> np.ndarray:
    """The places (n, 2) of an SVG path of one line, or of a list of points."""
    return np.array(re.findall(r"(-?[\d.]+),(-?[\d.]+)", path), float)


def test_what_the_weights_lack_is_said_in_the_place_of_the_figure(ensemble: Ensemble) -> None:
    html = told(ENGLISH, ensemble.weights)
    for name, sentence in (
        ("reliability", words.NO_PREDICTIONS),
        ("roc", words.NO_PREDICTIONS),
        ("confusion", words.NO_SCORES),
        ("official", words.NO_OFFICIAL),
    ):
        assert f'<p class="missing">{sentence}</p>' in card(html, name)
    assert words.NO_MAP in html
    html += told(ENGLISH, changed(ensemble.weights, trust=None))
    lacking = ("NO_SCORES", "NOTHING_MEASURED", "NO_TRUST", "NO_TONE")
    assert [name for name in lacking if getattr(words, name) not in html] == []


def test_the_reliability_figure_shows_each_bin(tab: Tab, evaluation: Evaluation) -> None:
    """Against scikit-learn's calibration curve and scipy's Wilson intervals."""
    first = evaluation.probabilities.max(axis=1)
    hit = evaluation.probabilities.argmax(axis=1) == evaluation.labels
    right, mean = calibration_curve(hit, first, n_bins=BINS)
    html = tab(ENGLISH, None)
    expected = np.stack([200 * mean, 200 * (1 - right)], axis=1)
    assert points(drawn(html, "reliability")) == pytest.approx(expected, abs=0.06)
    held = np.histogram(first, bins=BINS, range=(0, 1))[0]
    for share, count, mark in zip(
        right, held[held > 0], plots.bin_marks(evaluation.reliability), strict=True
    ):
        interval = binomtest(round(share * count), count).proportion_ci(0.95, "wilson")
        assert (1 - mark.low / 200, 1 - mark.high / 200) == pytest.approx(
            (interval.low, interval.high), abs=1e-4
        )


def test_the_roc_figure_is_scikit_learns_with_the_thresholds_on_it(
    tab: Tab, embedded: WeightsFolder, evaluation: Evaluation
) -> None:
    positive = np.array(MALIGNANT)[evaluation.labels]
    score = malignant_probability(evaluation.probabilities)
    alarms, hits, _ = roc_curve(positive, score, drop_intermediate=False)
    html = tab(ENGLISH, None)
    x, y = points(drawn(html, "roc")).T
    off = np.hypot(x[:, None] / 200 - alarms, 1 - y[:, None] / 200 - hits)
    assert off.min(axis=1).max() < 0.005  # each drawn point lies on the curve
    assert np.trapezoid(1 - y / 200, x / 200) == pytest.approx(np.trapezoid(hits, alarms), abs=0.003)
    trust = embedded.contract.trust
    assert trust is not None
    own = trust.decisions.of(8).operating_points
    dots = re.findall(r'<circle class="dot" cx="([\d.]+)" cy="([\d.]+)"', card(html, "roc"))
    expected = [(200 * (1 - p.specificity), 200 * (1 - p.sensitivity)) for p in own]
    assert np.array(dots, float) == pytest.approx(np.array(expected), abs=0.06)
    for point in own:
        assert f">{ENGLISH.percent(point.target_sensitivity, digits=0)}</text>" in card(html, "roc")


def test_the_confusion_figure_is_near_what_the_kept_predictions_give(
    tab: Tab, embedded: WeightsFolder, evaluation: Evaluation
) -> None:
    """The shown counts come from calibrations fitted on other lesions, so they differ a little."""
    counts = np.array(embedded.contract.scores["views_8"]["calibrated"]["confusion_matrix"]["counts"])
    first = evaluation.probabilities.argmax(axis=1)
    again = confusion_matrix(evaluation.labels, first, labels=range(7))
    assert counts.sum(axis=1).tolist() == again.sum(axis=1).tolist()
    assert np.abs(counts - again).sum() < 0.02 * counts.sum()
    cells = re.findall(
        r"<td[^>]*>([^<]+)</td>", card(tab(ENGLISH, None), "confusion").replace("&lt;1", "0")
    )
    shown = np.array([0 if cell == "·" else int(cell) for cell in cells]).reshape(7, 7)
    shares = 100 * counts / counts.sum(axis=1, keepdims=True)
    assert shown == pytest.approx(np.where(shares < 1, 0, shares), abs=0.51)


def test_the_official_test_ranks_this_program_among_the_published_ones(
    tab: Tab, embedded: WeightsFolder
) -> None:
    report = read_outside_scores(EMBEDDED, embedded.contract)[0]
    assert report.published is not None
    own = report.rules["prior_adjusted"]["balanced_accuracy"]
    shown = card(tab(ENGLISH, None), "official")
    rows = shown.split("<li")[1:]
    values = [float(re.findall(r"width:([\d.]+)%", row)[0]) for row in rows]
    others = [100 * system.value for system in report.published.systems]
    assert values == pytest.approx(sorted([100 * own, *others], reverse=True), abs=0.06)
    assert [words.OWN_SYSTEM in row for row in rows].index(True) == sum(100 * own < v for v in others)
    assert sum('class="own"' in row for row in rows) == 1
    assert ENGLISH.number(report.images) in shown


def test_scores_come_from_the_contract(ensemble: Ensemble) -> None:
    rule = {
        "accuracy": 0.8412,
        "balanced_accuracy": 0.7431,
        "macro_auc": None,
        "per_class": {"mel": {"images": 1113, "recall": 0.6123}, "df": {"images": 46, "recall": 0}},
        "intervals_95": {"accuracy": (0.83, 0.8523)},
        "confusion_matrix": {"counts": np.diag([5, 5, 5, 5, 1, 5, 5]).tolist()},
    }
    rule["confusion_matrix"]["counts"][4][5] = 3
    adjusted = {**rule, "accuracy": 0.7777, "intervals_95": {}}
    scores = {
        "images": 10015,
        "lesions": 7456,
        "views_8": {"calibrated": rule, "prior_adjusted": adjusted},
    }
    html = told(ENGLISH, changed(ensemble.weights, scores=scores)).replace("\u00a0", " ")
    for sentence in (
        "HAM10000: 10,015 images of 7,456 lesions, 8 views per image.",
        words.PREDICTED["lesion"],
        '84.1 % <span class="interval">(83.0 % to 85.2 %)</span>',
        *("77.8 %", "1,113", "61.2 %", words.NOT_MEASURED),
        "The most frequent error is Melanocytic naevus (3 images)",
        "Dermatofibroma, sensitivity 0 % (46 images)",
    ):
        assert sentence in html
    assert words.NO_SCORES not in html


def test_numbers_of_the_embedded_weights_stand_in_both_languages(
    tab: Tab, embedded: WeightsFolder, evaluation: Evaluation
) -> None:
    scores, trust = embedded.contract.scores["views_8"]["calibrated"], embedded.contract.trust
    assert trust is not None
    for say in (ENGLISH, GERMAN):
        html = tab(say, None)
        assert say.percent(scores["accuracy"], 1) in html
        assert say.number(scores["malignant_auc"], 3) in html
        assert say.number(embedded.contract.training.images) in html
        cleared = trust.measured["melanomas_not_suspicious"]
        assert html.count(say.percent(cleared.value, 1)) >= 2  # in the table and among the failures
        assert say.percent(evaluation.reliability.error, 1) in html
        assert (say(words.WEAK_MAPS) in html) == bool(trust.maps_are_weak)


@pytest.mark.parametrize("say", [ENGLISH, GERMAN])
def test_a_difference_of_shares_is_in_percentage_points_without_a_percent_sign(
    tab: Tab, say: Say
) -> None:
    name = say(words.MEASURED["context_specificity_gain"])
    row = tab(say, None).split(name)[1].split("</tr>")[0]
    row = re.sub("<[^>]*>", "", row)
    assert re.search(r"\d", row)
    assert "%" not in row


@pytest.mark.parametrize("say", [ENGLISH, GERMAN])
def test_scores_outside_are_those_of_the_reports(embedded: WeightsFolder, say: Say) -> None:
    html = told(say, embedded)
    outside = section(html, say(words.OUTSIDE))
    isic, ph2 = outside.split("<h4>")[1:]
    assert "ISIC 2018 Task 3 test" in isic
    assert "PH2" in ph2
    for shown, own in zip((isic, ph2), read_outside_scores(EMBEDDED, embedded.contract), strict=True):
        assert say.number(own.images) in shown
        assert say(words.OUTSIDE_BY_OTHERS) in shown
        for scores in own.rules.values():
            assert say.number(scores["malignant_auc"], 3) in shown
            for bound in (scores["accuracy"], *scores["intervals_95"]["accuracy"]):
                assert say.percent(bound, 1) in shown
    adjusted = read_outside_scores(EMBEDDED, embedded.contract)[0].rules["prior_adjusted"]
    assert say.percent(adjusted["balanced_accuracy"], 1) in isic
    assert say(words.SHARES["balanced_accuracy"]) not in ph2  # only naevi and melanomas occur
    names = ", ".join(say(name) for name in ("Melanoma", "Melanocytic naevus"))
    assert say(words.OUTSIDE_FEW).format(names=names) in ph2
    assert say(words.OUTSIDE_PUBLISHED).format(least=10, most=30) in outside
    assert say(words.OUTSIDE_SELDOM).format(names="ISIC 2018 Task 3 test, PH2") in html
    untested = (words.OUTSIDE_NOTE, words.OUTSIDE_UNKNOWN)
    assert [text for text in untested if say(text).format(least=10, most=30) in html] == []


@pytest.mark.parametrize("say", [ENGLISH, GERMAN])
def test_other_systems_stand_beside_reports_of_their_test_alone(
    embedded: WeightsFolder, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = read_outside_scores(EMBEDDED, embedded.contract)
    html = told(say, embedded)
    isic, ph2 = html.split("<h4>ISIC 2018 Task 3 test</h4>")[1].split("<h4>PH2</h4>")
    ph2 = ph2.split("</details>")[0]
    for shown, report in zip((isic, ph2), reports, strict=True):
        assert report.published is not None
        assert say(words.PUBLISHED_CAPTION) in shown
        assert say(words.THIS_PROGRAM[report.published.rule]) in shown
        for own in report.published.systems:
            assert own.system in shown
            assert (own.source or say(words.NO_SOURCE)) in shown
    assert say.percent(0.885, 1) in isic
    assert say.percent(0.885, 1) not in ph2
    assert say.number(0.933, 3) in ph2
    elsewhere = tuple(replace(report, name="Clinic B") for report in reports)
    monkeypatch.setattr("skin_app.page.evidence_tab.read_outside_scores", lambda *_: elsewhere)
    html = told(say, embedded)
    assert "<h4>Clinic B</h4>" in html
    assert say(words.PUBLISHED_CAPTION) not in html
    assert say(words.NO_OFFICIAL) in html


@pytest.mark.parametrize("say", [ENGLISH, GERMAN])
def test_melanomas_of_the_young_stand_among_the_failures(embedded: WeightsFolder, say: Say) -> None:
    trust = embedded.contract.trust
    assert trust is not None
    own = trust.measured["malignant_suspicious"].model_copy(update={"value": 0.7123, "images": 35})
    measured = trust.measured | {"melanoma_sensitivity_under_40": own}
    limits = trust.model_copy(update={"measured": measured})
    html = told(say, changed(embedded, trust=limits))
    failures = section(html, say(words.FAILURES))
    before, after = say(words.UNDER_40).split("{images}")[0], say(words.UNDER_40).split("{share}")[1]
    assert f"<li>{before}35 " in failures
    assert after in failures
    assert say.percent(0.7123, 1) in failures


def test_weights_without_reports_were_not_tested_outside(ensemble: Ensemble) -> None:
    html = told(ENGLISH, ensemble.weights)
    assert words.OUTSIDE_NOTE.format(least=10, most=30) in html
    assert words.OUTSIDE_UNKNOWN in html


def test_scores_outside_of_earlier_members_say_so(embedded: WeightsFolder) -> None:
    files = {**embedded.contract.files, "member-0/model.safetensors": "0" * 64}
    html = told(ENGLISH, changed(embedded, files=files))
    assert html.count(words.OUTSIDE_CHANGED.format(weights="flagship (embedded, a2f99dcf)")) == 3


def test_every_name_in_the_gallery_can_be_translated() -> None:
    assert words.TONE_NAMES == TONES
    table = pd.read_csv(EMBEDDED / "gallery.csv")
    known = {*words.SEXES, *words.LARGE_SITES, *words.SMALL_SITES, *words.CONFIRMED_BY}
    assert set(table["sex"]) | set(table["localization"]) | set(table["dx_type"]) <= known


def test_the_tab_is_small_and_quickly_filled(tab: Tab) -> None:
    """Each figure has words, and nothing comes from elsewhere. Processor time, as machines are busy."""
    html = tab(ENGLISH, None)
    begun = time.process_time()
    tab(ENGLISH, None)
    assert time.process_time() - begun < 0.1
    assert len(html.encode()) < 300_000
    assert re.findall(r"<svg[^>]*role=\"img\"(?![^>]*aria-label)", html) == []
    assert html.count('role="img" aria-label=') == 3  # two curves above, seven in one below
    assert re.findall(r"(?:src|href)=.https?:|url\((?!#)", html) == []


def place_of(lesions: LesionMap, row: int) -> Place:
    """Where one image of the map lies."""
    x, y = lesions.points[row].tolist()
    return Place(x, y, ())


def all_open(page: Page) -> None:
    page.evaluate(
        "document.querySelectorAll('#evidence details').forEach((one) => { one.open = true })"
    )


FILLED = """(html) => { document.querySelector('#evidence .evidence').outerHTML = html; }"""


def filled(page: Page, html: str) -> None:
    """Open the tab, and show the one of the embedded weights in it."""
    page.get_by_role("tab", name=TAB_EVIDENCE, exact=True).click()
    page.locator("#evidence .details h2").wait_for()
    page.evaluate(FILLED, html)


@pytest.mark.parametrize("say", [ENGLISH, GERMAN])
def test_nothing_is_cut_at_the_side_at_any_width(visit: Page, tab: Tab, say: Say) -> None:
    filled(visit, tab(say, None))
    all_open(visit)
    cut = """[...document.querySelectorAll('#evidence .wide, #evidence .card, #evidence table')]
        .filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.innerText)"""
    for width in (320, 390, 640, 761, 800, 900, 1024, 1100, 1280):
        visit.set_viewport_size({"width": width, "height": 800})
        assert visit.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.evaluate(cut) == [], width


def test_the_four_figures_are_seen_at_once_on_a_desktop(visit: Page, tab: Tab) -> None:
    visit.set_viewport_size({"width": 1280, "height": 800})
    filled(visit, tab(ENGLISH, None))
    for name in ("reliability", "roc", "confusion", "official"):
        box = visit.locator(f"#{name}").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800, name
    visit.set_viewport_size({"width": 390, "height": 844})
    left = [visit.locator(f".four > section >> nth={i}").bounding_box() for i in range(4)]
    assert len({box["x"] for box in left if box}) == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_with_all_sections_open(
    browser: Browser, served: Served, tab: Tab, theme: str, screenshots: Path
) -> None:
    page = opened(browser, f"{served.url}?__theme={theme}", viewport={"width": 1280, "height": 900})
    filled(page, tab(ENGLISH, None))
    page.screenshot(path=screenshots / f"evidence-{theme}.png", full_page=True)
    all_open(page)
    assert serious(page) == []
    page.context.close()


def test_the_map_names_what_is_pointed_at_and_shows_only_what_is_chosen(
    visit: Page, tab: Tab, embedded: WeightsFolder
) -> None:
    lesions = embedded.lesion_map()
    assert lesions is not None
    filled(visit, tab(ENGLISH, None))
    places = visit.locator(".places")
    places.scroll_into_view_if_needed()
    box = places.locator("svg").bounding_box()
    assert box is not None
    row = int(lesions.points[:, 1].argmin())  # the lowest of the map: nothing lies over it
    x, y = plots.on_map(lesions, place_of(lesions, row))
    visit.mouse.move(box["x"] + x * box["width"] / 800, box["y"] + y * box["height"] / 600)
    name = {"mel": "Melanoma", "vasc": "Vascular lesion"}[str(lesions.diagnoses[row])]
    how = words.CONFIRMED_BY[str(lesions.confirmed[row])]
    tip = visit.locator(".tip")
    expect(tip).to_have_text(f"{name}{lesions.images[row]}, confirmed by {how}")
    visit.get_by_label("Dermatofibroma").check()
    expect(visit.locator("polyline.faint")).to_have_count(6)
    expect(tip).to_be_hidden()
    places.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        visit.keyboard.press(key)
        expect(tip).to_contain_text("Dermatofibroma")
    visit.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    visit.get_by_label("Dermatofibroma").uncheck()
    expect(visit.locator("polyline.faint")).to_have_count(0)


def test_opening_the_tab_moves_nothing_and_asks_no_other_host(browser: Browser, served: Served) -> None:
    page = opened(browser, viewport={"width": 1280, "height": 800})
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(re.split("[/?]", request.url)[2]))
    page.add_init_script(
        """window.moved = []; new PerformanceObserver((list) => { for (const entry of list.getEntries())
        for (const { node } of entry.sources)
        if (node?.closest?.('#evidence')) moved.push(node.outerHTML)
        }).observe({ type: 'layout-shift', buffered: true });"""
    )
    page.goto(served.url)
    page.get_by_role("tab", name=TAB_EVIDENCE, exact=True).click()
    page.locator("#evidence .details h2").wait_for()
    assert page.evaluate("moved") == []
    assert {host for host in hosts if host} == {served.url.split("/")[2]}
    page.context.close()


def test_the_photo_has_a_place_between_its_neighbours(tab: Tab, embedded: WeightsFolder) -> None:
    lesions = embedded.lesion_map()
    assert lesions is not None
    before = tab(ENGLISH, None)
    assert words.MAP_EMPTY in before
    assert 'class="here"' not in before
    analysis = Ensemble(embedded)(Photo(picture(3)), views=1)
    html = tab(ENGLISH, analysis)
    place = lesions.place(analysis.embedding)
    x, y = plots.on_map(lesions, place)
    assert 0 < x < 800
    assert 0 < y < 600
    assert f'class="here" transform="translate({x:.1f},{y:.1f})"' in html
    first = max(set(place.neighbours), key=place.neighbours.count)
    assert f"<li>{place.neighbours.count(first)} " in html
    assert analysis.assessment is not None
    assert (words.MAP_NOVEL in html) == analysis.assessment.novelty.is_novel


def test_the_map_shows_each_image_once_in_its_place(tab: Tab, embedded: WeightsFolder) -> None:
    lesions = embedded.lesion_map()
    assert lesions is not None
    groups = plots.map_groups(lesions)
    assert Counter({group.diagnosis.code: group.count for group in groups}) == Counter(
        lesions.diagnoses.tolist()
    )
    assert sorted(" ".join(group.images for group in groups).split()) == sorted(lesions.images)
    for group in groups:
        shown = points(group.points)
        rows = [lesions.images.tolist().index(name) for name in group.images.split()]
        expected = [plots.on_map(lesions, place_of(lesions, row)) for row in rows]
        assert shown == pytest.approx(np.array(expected), abs=0.051)
    assert len(set(plots.SIGNS.values())) == len(set(plots.DASHES.values())) == len(CODES)
    assert tab(ENGLISH, None).count("<polyline ") == 7


def test_corners_of_the_map_keep_a_margin(embedded: WeightsFolder) -> None:
    lesions = embedded.lesion_map()
    assert lesions is not None
    x, y = (lesions.points.min(axis=0) + lesions.points.max(axis=0)) / 2
    assert plots.on_map(lesions, Place(x, y, ())) == pytest.approx((400, 300))
    x, y = lesions.points[lesions.points[:, 1].argmax()].tolist()
    assert 0 < plots.on_map(lesions, Place(x, y, ()))[1] < 100  # from the top


def test_damaged_predictions_are_said_on_the_page(ensemble: Ensemble, tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    (tmp_path / FILE).write_text("")
    html = evidence_tab(replace(ensemble.weights, folder=tmp_path))(ENGLISH, None)
    assert 'role="alert"' in html
    assert "get the weights anew" in html
