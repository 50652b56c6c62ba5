"""The heatmaps of one photo as a figure: all seven at once, so that the browser switches by itself.

The photo is sent once, each map as a small transparent picture to lay over it. `page.js` shows the
chosen map with the chosen strength and threshold, and a second map beside it.
"""

import base64
import io
from html import escape

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from skin_app.analysis import Analysis, Ranked
from skin_app.diagnoses import CODES
from skin_app.display import DisplayPhoto, colours, cover, data_url, enlarged, legend_gradient
from skin_app.page.html import percent
from skin_app.words import page as words
from skin_app.words.language import NO_BREAK, Say

LAYER = 96  # pixels a side: the maps are smooth, the browser enlarges them
STRENGTH = 60
MOST = 0.5  # share of the heat in one ninth of the square from which it is named; .11 if uniform


def map_figure(say: Say, photo: DisplayPhoto, analysis: Analysis, token: str, weak: bool) -> str:
    """The figure with all seven maps; the first-ranked one is shown.

    `token`: names this photo; `weak`: whether to say that these maps were measured to find little.
    """
    if analysis.maps is None:
        return _without_maps(say, photo)
    maps = dict(zip(CODES, analysis.maps, strict=True))
    left, top, side = photo.square
    height, width = photo.pixels.shape[:2]
    place = (
        f"left:{left / width:.3%};top:{top / height:.3%};"
        f"width:{side / width:.3%};height:{side / height:.3%}"
    )
    layers = "".join(
        _layer(say, entry, maps[entry.diagnosis.code], i > 0) for i, entry in enumerate(analysis.ranked)
    )
    captions = "".join(
        _caption(say, analysis, entry, maps[entry.diagnosis.code], i > 0)
        for i, entry in enumerate(analysis.ranked)
    )
    meaning = f"{say(words.MAP_MEANING)} {say(words.MAP_IS_WEAK) if weak else ''}"
    return (
        f'<figure class="map panel" data-photo="{token}" style="--strength:{STRENGTH / 100}">'
        f"<h2>{say(words.MAP_TITLE)}</h2>"
        f'<div class="panes"><div class="pane" data-code="{analysis.ranked[0].diagnosis.code}">'
        f'<div class="stack"><img class="base" src="{data_url(photo.pixels)}" '
        f'alt="{escape(say(words.THE_PHOTO))}"><div class="seen" style="{place}">{layers}'
        f'<span class="divider" aria-hidden="true"></span></div></div>'
        f'<div class="captions" aria-live="polite">{captions}</div></div></div>'
        f"{_legend(say)}{_controls(say, analysis)}"
        f'<figcaption class="quiet">{meaning}</figcaption></figure>'
    )


def _without_maps(say: Say, photo: DisplayPhoto) -> str:
    """The figure of a quick answer, which has no maps yet."""
    return (
        f'<figure class="panel"><h2>{say(words.MAP_TITLE)}</h2><div class="stack"><img class="base" '
        f'src="{data_url(photo.pixels)}" alt="{escape(say(words.THE_PHOTO))}"></div>'
        f'<figcaption class="quiet">{say(words.MAP_FOLLOWS)}</figcaption></figure>'
    )


def _layer(say: Say, entry: Ranked, class_map: np.ndarray, hidden: bool) -> str:
    alt = say(words.HEATMAP_OF, name=say(entry.diagnosis.name))
    return (
        f'<img class="layer" data-code="{entry.diagnosis.code}" src="{_transparent(class_map)}" '
        f'alt="{escape(alt)}"{" hidden" if hidden else ""}>'
    )


def _transparent(class_map: np.ndarray) -> str:
    """A map (rows, columns) in [0, 1] as a PNG in a `data:` URL, the more opaque the stronger."""
    heat = enlarged(class_map, LAYER)
    pixels = torch.cat([colours(heat), 255 * cover(heat)[..., None]], dim=-1).round().byte().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(file, "PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _caption(say: Say, analysis: Analysis, entry: Ranked, class_map: np.ndarray, hidden: bool) -> str:
    """What the picture shows, in words: whose map, how strong, where, how much on the lesion."""
    index = CODES.index(entry.diagnosis.code)
    sentences = [
        say(
            words.MAP_FOR,
            name=escape(say(entry.diagnosis.name)),
            share=percent(say, entry.probability),
        )
    ]
    if class_map.max() <= 0:
        sentences.append(say(words.MAP_EMPTY))
    else:
        sentences.append(say(words.PEAK, peak=f"{say.number(100 * float(class_map.max()))}{NO_BREAK}%"))
        sentences.append(where(say, class_map))
        on_lesion = None if analysis.assessment is None else analysis.assessment.heat_on_lesion
        if on_lesion is not None and not np.isnan(on_lesion[index]):
            sentences.append(say(words.ON_LESION, share=percent(say, float(on_lesion[index]))))
    shown = " hidden" if hidden else ""
    return f'<p data-code="{entry.diagnosis.code}"{shown}>{" ".join(sentences)}</p>'


def where(say: Say, class_map: np.ndarray) -> str:
    """In which ninth of the square most of a map's heat lies, in words; or that it is in none.

    `class_map`: (rows, columns) in [0, 1], not all zero.
    """
    shares = (
        F.interpolate(
            torch.from_numpy(np.asarray(class_map, dtype=np.float32))[None, None], (96, 96), mode="area"
        )[0, 0]
        .reshape(3, 32, 3, 32)
        .sum(dim=(1, 3))
    )
    shares = shares / shares.sum()
    best = int(shares.argmax())
    if float(shares.flatten()[best]) < MOST:
        return say(words.NO_PLACE)
    return say(words.MOST_HEAT, place=say(words.PLACES[best // 3][best % 3]))


def _legend(say: Say) -> str:
    return (
        '<div class="legend"><div class="scale" aria-hidden="true"><i '
        f'style="background-image:{legend_gradient()}"></i></div>'
        f'<div class="ends"><span>{say(words.SCALE_LOW)}</span>'
        f"<span>{say(words.SCALE_HIGH)}</span></div></div>"
    )


def _controls(say: Say, analysis: Analysis) -> str:
    options = "".join(
        f'<option value="{entry.diagnosis.code}">{escape(say(entry.diagnosis.name))}</option>'
        for entry in analysis.ranked
    )
    return (
        '<div class="controls">'
        f"<label>{say(words.STRENGTH)}"
        f'<input type="range" class="strength" min="0" max="100" step="5" value="{STRENGTH}"></label>'
        f"<label>{say(words.SPLIT)}"
        '<input type="range" class="split" min="0" max="100" step="1" value="0"></label>'
        f'<label>{say(words.BESIDE)}<select class="beside">'
        f'<option value="">{say(words.NOTHING_BESIDE)}</option>{options}</select></label></div>'
    )
