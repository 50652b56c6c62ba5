"""The outcomes in words, on the page and in the report."""

from skin_app.outcome import Outcome

OUTCOMES: dict[Outcome, str] = {
    "suspicious": "Suspicious to the networks",
    "not suspicious": "Not suspicious to the networks",
    "uncertain": "Uncertain",
    "not dermatoscopic": "Not like the photos that the networks learnt from",
}
OUTCOME_MEANING: dict[Outcome, str] = {
    "suspicious": "Benign lesions are called so too.",
    "not suspicious": "This does not rule out a malignant lesion: some are missed at every setting.",
    "uncertain": "That is no all-clear: the networks do not settle it.",
    "not dermatoscopic": "The ranking below names a diagnosis all the same: do not rely on it.",
}
