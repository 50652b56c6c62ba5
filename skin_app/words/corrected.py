"""The sentences around corrections of the photo."""

CORRECTIONS_TITLE = "Corrections of the photo"
CORRECTIONS_INTRO = (
    "The result above is always that of the original photo. The networks were trained on "
    "uncorrected photos, so a correction can make an answer worse; docs/trust.md says where "
    "each helped and hurt."
)
CORRECTIONS = {
    "gamma": "Brighten (gamma)",
    "illumination": "Even out the light",
    "colour constancy": "Neutral colours (colour constancy)",
    "field of view": "Crop to the dermatoscope's circle",
}
CORRECTION = "Compare with a corrected copy"
ORIGINAL, CORRECTED = "Original", "Corrected: {name}"
UNCHANGED = "This correction changes nothing about this photo."
CROP_DRAWN = "The white frame shows the crop."
FROM_COPY = (
    "The photo has more than {megapixels} million pixels, so both answers come from a smaller "
    "copy and can differ a little from the result above."
)
COMPARED = (
    "",
    "Original",
    "Corrected",
)
COMPARED_ROWS = (
    "Outcome",
    "First diagnosis",
    "Second diagnosis",
    "Third diagnosis",
    "Malignant",
    "To check",
)
NOTHING_TO_CHECK = "nothing found"
NO_OUTCOME = "none: these weights have no limits to judge by"
CORRECTING = "Correcting and analysing both …"
