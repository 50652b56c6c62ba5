"""The photo as a figure, and all its heatmaps at once, so that the browser switches by itself.

`templates/picture.html` sends the photo once. `templates/heatmap.html` sends each map as a small
transparent picture, which `static/page.js` lays over the photo with the chosen strength.
"""

import io
from typing import Any

import numpy as np
import torch
from PIL import Image

from skin_app.analysis import Analysis, Ranked
from skin_app.diagnoses import CODES
from skin_app.heatmap import LEAST_PROBABILITY, place_of_heat
from skin_app.overlay import DisplayPhoto, colours, cover, data_url, enlarged, legend_gradient
from skin_app.page.heatmap_methods import HeatmapMethod, heatmap_methods
from skin_app.page.templates import as_url, fill
from skin_app.words import page as words
from skin_app.words.language import NO_BREAK, Say

LAYER = 96  # pixels a side: the maps are smooth, the browser enlarges them
STRENGTH = 60
HEATS = torch.arange(256) / 255
PALETTE = colours(HEATS).round().byte().numpy()
OPACITIES = (255 * cover(HEATS)).round().byte().numpy()


def photo_figure(say: Say, photo: DisplayPhoto, token: str, tools: bool = True) -> str:
    """The photo, with the square that the networks see; `token`: names it within the page.

    `tools`: with buttons for another photo, to be where the field for photos is.
    """
    return fill(
        "picture.html",
        say,
        photo=data_url(photo.pixels),
        square=photo.square,
        size=photo.pixels.shape[1::-1],
        token=token,
        tools=tools,
    )


def map_controls(say: Say, analysis: Analysis | None, token: str) -> str:
    """All maps of a photo, of which the first-ranked one is shown, and what sets them.

    A quick answer has no maps yet, nor has a photo without an answer (None): then the controls are off
    and a line says that the maps follow. Of a diagnosis too improbable for a map it says so.
    """
    trust = analysis and analysis.weights.contract.trust
    methods, maps = (), []
    if analysis is not None and analysis.maps is not None:
        methods = heatmap_methods(say, analysis)
        maps = [_shown(say, analysis, entry, methods) for entry in analysis.ranked]
    return fill(
        "heatmap.html",
        say,
        methods=methods,
        maps=maps,
        first=analysis.ranked[0].diagnosis.code if analysis is not None else "",
        token=token,
        is_weak=bool(maps) and trust is not None and trust.maps_are_weak,
        scale=legend_gradient(),
        least=LEAST_PROBABILITY,
        STRENGTH=STRENGTH,
        NO_BREAK=NO_BREAK,
    )


def _shown(
    say: Say, analysis: Analysis, entry: Ranked, methods: tuple[HeatmapMethod, ...]
) -> dict[str, Any]:
    """One diagnosis's map by each method, as a picture; the first in numbers, too: how strong, where,
    how much on the lesion.

    Without these where the diagnosis is too improbable for a map.
    """
    code = entry.diagnosis.code
    said = {"diagnosis": entry.diagnosis, "pictures": {}}
    by_method = {method.key: method.maps[code] for method in methods if code in method.maps}
    if not by_method:
        return said
    shares = analysis.assessment and analysis.assessment.heat_on_lesion
    index, class_map = CODES.index(code), by_method[methods[0].key]
    on_lesion = None if shares is None or np.isnan(shares[index]) else float(shares[index])
    peak = float(class_map.max())
    return said | {
        "pictures": {key: _transparent(own) for key, own in by_method.items()},
        "peak": peak,
        "place": where(say, class_map) if peak > 0 else "",
        "on_lesion": on_lesion,
    }


def _transparent(class_map: np.ndarray) -> str:
    """A map (rows, columns) in [0, 1] as a PNG in a `data:` URL, the more opaque the stronger.

    One byte a pixel, its heat, and a palette of colours and opacities: four times as fast as RGBA.
    """
    heat = (255 * enlarged(class_map, LAYER)).round().byte().numpy()
    picture, file = Image.fromarray(heat, "L"), io.BytesIO()
    picture.putpalette(PALETTE.tobytes())
    picture.save(file, "PNG", transparency=OPACITIES.tobytes(), compress_level=1)
    return as_url(file.getvalue(), "image/png")


def where(say: Say, class_map: np.ndarray) -> str:
    """In which ninth of the square most of a map's heat lies, in words; or that it is in none."""
    place = place_of_heat(class_map)
    if place is None:
        return say(words.NO_PLACE)
    row, column = place
    return say(words.MOST_HEAT, place=say(words.PLACES[row][column]))
