"""The heatmaps of one photo as a figure: all at once, so that the browser switches by itself.

`templates/heatmap.html` sends the photo once, and each map as a small transparent picture to lay over
it. `static/page.js` shows the chosen map with the chosen strength, and a second map beside it.
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
from skin_app.page.templates import as_url, fill
from skin_app.words import page as words
from skin_app.words.language import NO_BREAK, Say

LAYER = 96  # pixels a side: the maps are smooth, the browser enlarges them
STRENGTH = 60
HEATS = torch.arange(256) / 255
PALETTE = colours(HEATS).round().byte().numpy()
OPACITIES = (255 * cover(HEATS)).round().byte().numpy()


def map_figure(say: Say, photo: DisplayPhoto, analysis: Analysis, token: str) -> str:
    """The figure with all maps, of which the first-ranked one is shown; `token`: names the photo.

    A quick answer has no maps yet, so the figure says that they follow. Of a diagnosis too improbable
    for a map it says so.
    """
    trust = analysis.weights.contract.trust
    return fill(
        "heatmap.html",
        say,
        photo=data_url(photo.pixels),
        square=photo.square,
        size=photo.pixels.shape[1::-1],
        maps=[_shown(say, analysis, entry) for entry in analysis.ranked if analysis.maps is not None],
        token=token,
        is_weak=trust is not None and trust.maps_are_weak,
        scale=legend_gradient(),
        least=LEAST_PROBABILITY,
        STRENGTH=STRENGTH,
        NO_BREAK=NO_BREAK,
    )


def _shown(say: Say, analysis: Analysis, entry: Ranked) -> dict[str, Any]:
    """One diagnosis's map, as a picture and in numbers: how strong, where, how much on the lesion.

    Without these where the diagnosis is too improbable for a map.
    """
    assert analysis.maps is not None
    said = {"diagnosis": entry.diagnosis, "probability": entry.probability, "picture": None}
    class_map = analysis.maps.get(entry.diagnosis.code)
    if class_map is None:
        return said
    index = CODES.index(entry.diagnosis.code)
    shares = analysis.assessment and analysis.assessment.heat_on_lesion
    on_lesion = None if shares is None or np.isnan(shares[index]) else float(shares[index])
    peak = float(class_map.max())
    return said | {
        "picture": _transparent(class_map),
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
