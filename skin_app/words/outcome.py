"""The outcomes, the reasons for them, and what to check first, on the page and in the report.

Advice on faults of the photo is in `photo.py`.
"""

OUTCOMES: dict[str, str] = {
    "suspicious": "Suspicious to the networks",
    "not suspicious": "Not suspicious to the networks",
    "uncertain": "Uncertain",
    "not dermatoscopic": "Unlike the training images",
    "not dermatoscopic, suspicious": "Unlike the training images, but suspicious",
    "not dermatoscopic, uncertain": "Unlike the training images; malignancy not ruled out",
}
OUTCOME_MEANING: dict[str, str] = {
    "suspicious": "Benign lesions are called suspicious, too.",
    "not suspicious": "This does not rule out a malignant lesion: some are missed at every threshold.",
    "uncertain": "This is no all-clear: the networks cannot decide.",
    "not dermatoscopic": (
        "This is no all-clear: do not rely on the ranking. Use a sharp, well-lit dermatoscopic photo "
        "with the lesion in the middle. Even a good photo from an unfamiliar camera can look unlike "
        "the training images."
    ),
}
# The one line under the outcome; `names` are malignant diagnoses in the 90 % set.
HEADLINES: dict[str, str] = {
    "suspicious": "Malignant: {share}, above the threshold.",
    "not suspicious": "Malignant: {share}. This does not rule out a malignant lesion.",
    "uncertain": "Not ruled out: {names}.",
    "nothing ruled out": "The networks cannot decide. This is no all-clear.",
    "not dermatoscopic": "Do not rely on this ranking: use a sharp dermatoscopic photo.",
}
REASONS: dict[str, str] = {
    "malignant": "The malignant probability reaches the threshold for “suspicious”.",
    "between_points": (
        "The malignant probability lies between the thresholds for “suspicious” and “not suspicious”."
    ),
    "malignant_in_set": (
        "The malignant probability is low, but the 90 % prediction set contains a malignant diagnosis."
    ),
    "benign": (
        "The malignant probability is low, and the 90 % prediction set contains no malignant diagnosis."
    ),
    "damaged_photo": "Part of the photo is damaged, so the result cannot be “not suspicious”.",
    "one_photo_suspicious": (
        "One photo alone points to a malignant lesion, so the result cannot be “not suspicious”."
    ),
    "one_photo_damaged": "One of the photos is damaged, so the result cannot be “not suspicious”.",
    "not_dermatoscopic": (
        "The photo is unlike the dermatoscopic images that the networks were trained on."
    ),
    "not_dermatoscopic_uncertain": (
        "The photo is unlike the training images; otherwise the outcome would be “uncertain”."
    ),
    "not_dermatoscopic_suspicious": (
        "The photo is unlike the training images; otherwise the outcome would be “suspicious”."
    ),
}

HEAT_NOT_CHECKED = "The answer has no heatmaps, so it was not checked whether heat lies on the lesion."

# What to check first, in a few words and as a sentence; `Analysis.to_check` chooses.
TO_CHECK: dict[str, str] = {
    "training image": (
        "This photo is most likely a training image ({image_id}). The networks have seen it, so the "
        "answer says little about new patients."
    ),
    "no lesion found": "No lesion was found, so it cannot be checked whether the heat lies on it.",
    "heat beside the lesion": (
        "Unusually little of the first diagnosis's heat lies on the lesion: {share}. The lesion "
        "covers {area} of the square. Check for hair, ink, a ruler or a dark edge."
    ),
    "rare skin tone": (
        "The skin around the lesion is estimated as {tone}; lighting shifts this estimate. The "
        "training data contain too few lesions on such skin for reliable scores."
    ),
}
