"""The sentences around corrections of the photo."""

CORRECTIONS_TITLE = "Corrections of the photo"
CORRECTIONS_INTRO = (
    "None is applied unasked, and the result above is always that of the photo as it came. The "
    "networks learnt from uncorrected photos, so a correction can make an answer worse: docs/trust.md "
    "says where each of them helped and where it hurt."
)
CORRECTIONS = {
    "gamma": "Brighten (gamma)",
    "illumination": "Even out the light",
    "colour constancy": "Neutral colours (colour constancy)",
    "field of view": "Crop to the dermatoscope's circle",
}
CORRECTION = "Compare with a corrected copy"
AS_IT_CAME, CORRECTED = "As it came", "Corrected: {name}"
UNCHANGED = "This correction changes nothing about this photo."
CROP_DRAWN = "The white frame shows the crop."
FROM_COPY = (
    "The photo has more than {megapixels} million pixels, so both answers here come from a smaller "
    "copy; the one as it came can differ a little from the result above."
)
COMPARED = ("", "As it came", "Corrected")
COMPARED_ROWS = (
    "Outcome",
    "First answer",
    "Second answer",
    "Third answer",
    "Malignant diagnoses together",
    "What to check",
)
NOTHING_TO_CHECK = "nothing found"
NO_OUTCOME = "none: these weights have no limits to judge by"
CORRECTING = "Correcting and analysing both …"
