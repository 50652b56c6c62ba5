"""The two kinds of heatmaps that the page offers, each with what it shows and how it was tested."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from skin_app.analysis import Analysis
from skin_app.trust import Trust
from skin_app.words import page as words
from skin_app.words.language import Say


@dataclass(frozen=True, eq=False)
class HeatmapMethod:
    """One kind of heatmaps of one photo.

    `key`: "attribution" or "grad_cam"; `name`, `sentence`: in the reader's language; `maps`: code ->
    (rows, columns) in [0, 1], as in `Analysis`, the same diagnoses for each method.
    """

    key: str
    name: str
    sentence: str
    maps: Mapping[str, np.ndarray] = field(repr=False)


def heatmap_methods(say: Say, analysis: Analysis) -> tuple[HeatmapMethod, ...]:
    """The methods that a photo's answer has maps of, the default first; none for a quick answer."""
    trust = analysis.weights.contract.trust
    by_key = {"attribution": analysis.maps, "grad_cam": analysis.grad_cam_maps}
    return tuple(
        HeatmapMethod(key, say(name), f"{say(shows)} {_tested(say, key, trust)}", maps)
        for key, (name, shows) in words.METHODS.items()
        if (maps := by_key[key]) is not None
    )


def _tested(say: Say, key: str, trust: Trust | None) -> str:
    """How a method was tested, with the numbers that the weights carry."""
    if key == "grad_cam":  # asks for no number, because there is none
        return say(words.METHODS_TESTED[key])
    heat, area = ((trust.measured if trust else {}).get(n) for n in ("heat_on_lesion", "lesion_area"))
    if heat is None or area is None:
        return say(words.METHOD_NOT_TESTED)
    heat, area = (say.percent(own.value, digits=0) for own in (heat, area))
    return say(words.METHODS_TESTED[key], heat=heat, area=area)
