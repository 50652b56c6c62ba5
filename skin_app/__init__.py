"""Classify dermatoscopic photos of skin lesions. A research demo, not a medical device.

    >>> from skin_app import load, read_photo
    >>> model = load()  # the embedded weights; or a folder, or "owner/name@commit" on the Hub
    >>> analysis = model(read_photo("skin_app/page/examples/globules.jpg"))
    >>> print(analysis)
    uncertain
     87.6%  Melanocytic naevus
     12.0%  Melanoma
      0.4%  Benign keratosis-like lesion
      0.0%  Actinic keratosis / Bowen's disease
      0.0%  Basal cell carcinoma
      0.0%  Dermatofibroma
      0.0%  Vascular lesion
    >>> analysis.outcome  # or "suspicious", "not suspicious", "not dermatoscopic"
    'uncertain'
    >>> [check.name for check in analysis.to_check]  # before relying on it
    []
    >>> picture = analysis.overlay("mel")  # where melanoma was seen: (height, width, 3) uint8
    >>> text, page = analysis.to_json(), analysis.to_pdf()

`load` takes a second or two; call it once. `Ensemble.analyse_files` analyses many photos, a few at a
time. docs/api.md has more. Everything is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from skin_app.analysis import Analysis
    from skin_app.context import Patient
    from skin_app.diagnoses import DIAGNOSES
    from skin_app.ensemble import Ensemble
    from skin_app.photo.read import Photo, PhotoError, read_photo
    from skin_app.weights.folder import WeightsError

__all__ = [
    "DIAGNOSES",
    "Analysis",
    "Ensemble",
    "Patient",
    "Photo",
    "PhotoError",
    "WeightsError",
    "load",
    "read_photo",
]

_HOMES = {
    "DIAGNOSES": "skin_app.diagnoses",
    "Analysis": "skin_app.analysis",
    "Ensemble": "skin_app.ensemble",
    "Patient": "skin_app.context",
    "Photo": "skin_app.photo.read",
    "PhotoError": "skin_app.photo.read",
    "read_photo": "skin_app.photo.read",
    "WeightsError": "skin_app.weights.folder",
}


def load(source: "str | Path | None" = None, device: "torch.device | str | None" = None) -> "Ensemble":
    """Load the networks of a weights folder, ready to answer.

    `source`: a folder, "owner/name@commit" on the Hugging Face Hub (40 hex digits), or None for the
    weights that come with this package. `device`: where the networks run, such as "cpu"; None takes a
    GPU where there is one. Raises `WeightsError`, whose sentence says what to do.
    """
    from skin_app.ensemble import Ensemble

    return Ensemble.load(source, device=device)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
