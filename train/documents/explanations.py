"""The explanations' section of docs/trust.md."""

from typing import Any

from train.documents.tables import table
from train.explain.maps import OURS

UNNOTICED = 0.9  # rank correlation from which a map is said not to have noticed


def render(numbers: dict[str, Any]) -> str:
    """The section's markdown, from what `train.audit.explanations.measure` gave."""
    paragraphs = [
        "## Explanations tested",
        _what(numbers),
        "### Weights drawn anew, layer by layer",
        *_randomisation(numbers),
        "### Deletion and insertion",
        *_curves(numbers),
        "### Heat on the lesion",
        *_lesion(numbers),
        "### Stability",
        *_steadiness(numbers),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _what(numbers: dict[str, Any]) -> str:
    rows, columns = numbers["places"]
    same = [name for name, count in numbers["same_as_ours"].items() if count == numbers["images"]]
    twins = (
        f" {' and '.join(same)} gave our map on all of them, but for scale and offset, because with a "
        "pooled head the gradient is the same at every place: they repeat ours below, or are left out."
        if same
        else ""
    )
    return (
        f"On {numbers['images']} out-of-fold HAM10000 images, one a lesion, about as many of each "
        "diagnosis (so not HAM10000's own mix), upright view only. Each is read by one member that had "
        f"not seen its lesion{_kinds(numbers)}; the ensemble, whose averaged map the page shows, "
        "cannot be measured on images that it has not seen. Explained is the diagnosis that the member "
        f"names first, right ({numbers['right']}) or wrong ({numbers['images'] - numbers['right']}). A "
        f"map has {rows} x {columns} places, bilinearly enlarged; ours is the positive part of "
        "`heatmap.attributions`"
        + (f" (blank on {numbers['blank']} images)" if numbers["blank"] else "")
        + f". The other methods are those of the grad-cam library.{twins} Intervals (95 %) are from "
        "bootstraps over lesions. All of this says whether a map follows the network, not whether the "
        "network looks at what a dermatologist would look at."
    )


def _kinds(numbers: dict[str, Any]) -> str:
    """Which member that is where several kinds had not seen an image. Older documents have one kind."""
    if numbers.get("kinds", 1) == 1:
        return ""
    return (
        ", the first of "
        f"{numbers['kinds']} kinds (the maps of the others were not put to these tests; the section on "
        "heat goes by the average of all kinds)"
    )


def _randomisation(numbers: dict[str, Any]) -> list[str]:
    found = numbers["randomisation"]
    methods = found["methods"]
    repeated = {name for name, n in numbers["same_as_ours"].items() if n == numbers["images"]}
    names = [name for name in methods if name != OURS and name not in repeated]
    rows = []
    for part, ours in methods[OURS]["parts"].items():
        others = [_number(methods[name]["parts"][part]["rank"]["value"]) for name in names]
        cells = [_shown(ours["rank"]), _number(ours["size"]["value"]), _shown(ours["structure"])]
        rows.append([part, *cells, str(found["images"] - ours["rank"]["images"]), *others])
    header = ["drawn anew down to", OURS, "ours, sign left off", "ours, structure", "ours, blank"]
    changing = [name for name, method in methods.items() if method["changes"]]
    staying = [name for name in methods if name not in changing]
    first = next(iter(methods[OURS]["parts"]))
    unmoved = [
        name for name in methods if (methods[name]["parts"][first]["rank"]["value"] or 0) >= UNNOTICED
    ]
    verdict = (
        f"Criterion: at every depth the upper end of the mean rank correlation's interval is below "
        f"{found['criterion']}. **{'Met' if OURS in changing else 'Missed'} by our map.** Met by: "
        f"{', '.join(changing) or 'none'}. Missed by: {', '.join(staying) or 'none'}."
    )
    if unmoved:
        verdict += (
            f" {', '.join(unmoved)} did not notice that the classifier was drawn anew: such a map "
            "shows what stands out in the features, whichever diagnosis is asked about."
        )
    return [
        f"After Adebayo et al. 2018: the classifier's weights are drawn anew, then those of the layer "
        f"below it too, and so on down to the pixels; {found['images']} of the images, mean of "
        f"{found['seeds']} draws. Numbers are Spearman's rank correlation with the map of the trained "
        "member (1: the map did not notice; 0: nothing in common), and the structural similarity (Wang "
        "et al. 2004, Gaussian windows of 1.5 places on the map's own grid). Maps left blank, where a "
        "network drawn anew finds nothing that speaks for the diagnosis, have changed, but have no "
        "rank correlation: they are counted and left out.",
        table([*header, *names], rows),
        verdict,
    ]


def _curves(numbers: dict[str, Any]) -> list[str]:
    found = numbers["curves"]
    areas = table(
        ["map", "deletion (low is good)", "insertion (high is good)", "insertion less deletion"],
        [
            [name, *(_shown(score) for score in scores.values())]
            for name, scores in found["areas"].items()
        ],
    )
    differences = table(
        ["our map less", "deletion", "insertion", "insertion less deletion"],
        [
            [f"the {control} map", *(_difference(score) for score in scores.values())]
            for control, scores in found["ours_less"].items()
        ],
    )
    sentences = [_beats(control, scores) for control, scores in found["ours_less"].items()]
    scored = found["areas"][OURS]["deletion"]["images"]
    left_out = (
        f"Scored on {scored} of the images: the other {found['left_out']} are the sample by whose "
        "curves, for the project's first weights, the form of our map was chosen, among a dozen. "
        if found["left_out"]
        else ""
    )
    return [
        f"{left_out}After Petsiuk et al. 2018: area under the curve of the calibrated probability of "
        "the first diagnosis while the most important pixels are taken away first (deletion) or put "
        "back first "
        f"(insertion), in {found['steps']} equal steps. What is away is replaced by a copy blurred "
        f"with a standard deviation of {found['blur']:.1%} of the side, not by black, which looks like "
        "the dark corners of a dermatoscope. The whole image has a mean probability of "
        f"{_shown(found['first'])}, the blurred one {_shown(found['blurred'])}: colours alone may say "
        "something, and an image part sharp and part blurred is unlike anything learnt from. The "
        "random map has as many places as ours, so it is as coarse.",
        areas,
        "Paired differences, on the same images:",
        differences,
        " ".join(sentences)
        + " Dermatoscopic lesions lie in the middle of the photo, so a map that knows nothing but the "
        "middle is hard to beat here, and beating the random map alone proves little.",
    ]


def _beats(control: str, scores: dict[str, Any]) -> str:
    won = [score for score, found in scores.items() if found["verdict"] == "better"]
    lost = [score for score, found in scores.items() if found["verdict"] == "worse"]
    level = [score for score, found in scores.items() if found["verdict"] == "none"]
    parts = [
        f"{word} {', '.join(names)}"
        for word, names in (
            ("beats it on", won),
            ("**does worse than it** on", lost),
            ("**does not beat it** (no difference shown) on", level),
        )
        if names
    ]
    return f"Against the {control} map: ours {'; '.join(parts)}."


def _lesion(numbers: dict[str, Any]) -> list[str]:
    found = numbers["lesion"]
    rows = [
        [
            name,
            _shown(heat),
            _shown(found["more_than_area"][name]),
            _shown(found["more_than_centre"][name]) if name in found["more_than_centre"] else "",
        ]
        for name, heat in found["heat"].items()
    ]
    header = [
        "map",
        "share of heat on the lesion",
        "less the lesion's area",
        "less the centre Gaussian's",
    ]
    return [
        f"The lesion is that of the simple mask (`skin_app.lesion`), which is no ground truth; it "
        f"found none on {found['without_mask']} of the images, which are left out. It covers "
        f"{_shown(found['area'])} of the square: a map spread evenly would have that share. The centre "
        "Gaussian has a standard deviation of a quarter of the side. Heat outside the lesion is not "
        "always wrong: its border and the skin around it are evidence too.",
        table(header, rows),
        _localises(found["more_than_area"][OURS], "a map spread evenly over the square"),
        _localises(found["more_than_centre"][OURS], "the centre Gaussian"),
    ]


def _localises(difference: dict[str, Any], than: str) -> str:
    """Whether our map has more heat on the lesion than another, by the interval of the difference."""
    if difference["value"] is None:
        return "No image was left to compare on."
    low, high = difference["interval_95"]
    if low > 0:
        return f"Our map has **more** of its heat on the lesion than {than}."
    if high < 0:
        return f"Our map has **less** of its heat on the lesion than {than}."
    return f"Our map was **not shown** to have more of its heat on the lesion than {than}."


def _steadiness(numbers: dict[str, Any]) -> list[str]:
    names = {
        "view and mean": "each of the 8 views, turned back, with the mean of all eight (of "
        "which it is an eighth)",
        "two views": "any two of the 8 views",
        "two members": "the image's member with another one, same class, same view",
        "another image": "for scale: with the maps of other images of the sample, same member",
    }
    found = numbers["steadiness"]
    rows = [[text, _shown(found[name]), str(found[name]["images"])] for name, text in names.items()]
    return [
        "Spearman's rank correlation of our map. The other member has seen the lesion in training, "
        "so the row between members compares a map of an unseen lesion with one of a seen lesion.",
        table(["our map of an image compared with", "rank correlation", "images"], rows),
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _shown(measured: dict[str, Any]) -> str:
    if measured["value"] is None:
        return ""
    low, high = measured["interval_95"]
    return f"{measured['value']:.2f} [{low:.2f}, {high:.2f}]"


def _difference(found: dict[str, Any]) -> str:
    low, high = found["interval_95"]
    word = found["verdict"] if found["verdict"] == "none" else f"**{found['verdict']}**"
    return f"{word} {found['value']:+.3f} [{low:+.3f}, {high:+.3f}]"
