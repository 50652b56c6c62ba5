"""Classify dermatoscopic photos of skin lesions. A research demo, not a medical device.

    >>> from skin_app import load, read_photo
    >>> model = load()             # the embedded weights; or a folder, or "owner/name@commit"
    >>> analysis = model(read_photo("lesion.jpg"))
    >>> analysis.outcome           # or "suspicious", "uncertain", "not dermatoscopic"
    'not suspicious'
    >>> best = analysis.ranked[0]  # of seven diagnoses
    >>> best.diagnosis.name, best.probability
    ('Melanocytic naevus', 0.93)
    >>> [check.name for check in analysis.to_check]
    ['dark corners']
    >>> text, page = analysis.to_json(), analysis.to_pdf()

`load` takes a second or two; call it once. `Ensemble.analyse_files` analyses many photos, a few at a
time. docs/api.md has more. Everything is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from skin_app.analysis import Analysis
    from skin_app.ensemble import Ensemble
    from skin_app.photo.read import Photo, PhotoError, read_photo
    from skin_app.weights.folder import WeightsError

__all__ = ["Analysis", "Ensemble", "Photo", "PhotoError", "WeightsError", "load", "read_photo"]

_HOMES = {
    "Analysis": "skin_app.analysis",
    "Ensemble": "skin_app.ensemble",
    "Photo": "skin_app.photo.read",
    "PhotoError": "skin_app.photo.read",
    "read_photo": "skin_app.photo.read",
    "WeightsError": "skin_app.weights.folder",
}


def load(source: "str | Path | None" = None) -> "Ensemble":
    """Load the networks of a weights folder, ready to answer.

    `source`: a folder, "owner/name@commit" on the Hugging Face Hub (40 hex digits), or None for the
    weights that come with this package. Raises `WeightsError`, whose sentence says what to do.
    """
    from skin_app.ensemble import Ensemble

    return Ensemble.load(source)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
