"""The outcomes, the reasons for them, and what to check first, on the page and in the report.

Advice on faults of the photo is in `photo.py`.
"""

OUTCOMES: dict[str, str] = {
    "suspicious": "Suspicious to the networks",
    "not suspicious": "Not suspicious to the networks",
    "uncertain": "Uncertain",
    "not dermatoscopic": "Unlike the training images",
}
OUTCOME_MEANING: dict[str, str] = {
    "suspicious": "Benign lesions are called suspicious, too.",
    "not suspicious": "This does not rule out a malignant lesion: some are missed at every threshold.",
    "uncertain": "This is no all-clear: the networks cannot decide.",
    "not dermatoscopic": "The ranking below names a diagnosis all the same: do not rely on it.",
}
REASONS: dict[str, str] = {
    "not_dermatoscopic": (
        "The photo is unlike the dermatoscopic images that the networks were trained on."
    ),
    "disagreement": "The networks or the views of the photo disagree on malignant or benign.",
    "mixed_set": "The prediction set holds malignant and benign diagnoses.",
    "empty_set": (
        "The prediction set is empty: no diagnosis is as probable as is usual for its images."
    ),
    "malignant_set_low_probability": (
        "The prediction set is malignant, but the malignant probability is low."
    ),
    "benign_set_high_probability": (
        "The prediction set is benign, but the malignant probability is not low."
    ),
    "malignant": "The prediction set and the malignant probability both point to a malignant lesion.",
    "benign": "The prediction set and the malignant probability both point to a benign lesion.",
    "damaged_photo": "Part of the photo is damaged, so the result cannot be “not suspicious”.",
    "one_photo_suspicious": (
        "One of the photos is suspicious on its own, so the result cannot be “not suspicious”."
    ),
    "one_photo_damaged": "One of the photos is damaged, so the result cannot be “not suspicious”.",
}

# What to check first, in a few words and as a sentence; `Analysis.to_check` chooses.
TO_CHECK: dict[str, str] = {
    "training image": (
        "This photo is most likely a training image ({image_id}): the networks have seen it, so the "
        "answer says little about new patients."
    ),
    "no lesion found": "No lesion was found, so the place of the heat cannot be checked.",
    "heat beside the lesion": (
        "Unusually little of the first diagnosis's heat lies on the lesion: {share}, on a lesion "
        "that covers {area} of the square. Check for hair, ink, a ruler or the edge."
    ),
    "rare skin tone": (
        "The skin around the lesion is estimated as {tone} (lighting shifts this). The training "
        "data hold too little such skin for the scores to hold."
    ),
}
