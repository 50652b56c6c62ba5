"""Sentences of the PDF report; it shares others with the page (`page.py`, `outcome.py`)."""

DISCLAIMER = (
    "Research demo, not a medical device. Not for diagnosis or treatment decisions; only for "
    "dermatoscopic photos. If a lesion worries you, see a doctor."
)
TITLE = "Report on one photo of a skin lesion"
NO_OUTCOME = "No outcome"
NO_LIMITS = (
    "These weights contain no thresholds: there is no outcome, no prediction set and no check of the "
    "photo."
)
PHOTO = "The photo"
CAPTION = "Right: heatmap for {name} ({code}), probability {share}."
NO_MAP = "This is the quick answer, which has no heatmaps."
COLOURS = (
    "Colours: from none (no effect on this diagnosis) through blue and green to yellow (the highest "
    "peak of all maps). The networks did not see the darkened margin."
)
MAP_MEANING = (
    "The heatmap estimates how much each place adds to the score of this diagnosis. It does not "
    "show or outline disease."
)
RANKING_COLUMNS = ("Diagnosis", "Probability", "Equally common", "In the 90 % set")
RANKING_NOTE = (
    "Calibrated probability with the class frequencies of HAM10000. “Equally common”: as if all seven "
    "diagnoses were."
)
MASS = "Malignant ({codes}): {share}"
MASS_IN_CONTEXT = "Malignant ({codes}): {share}. {context}: {raised}"
POINT_COLUMNS = ("Target sensitivity", "Sensitivity", "Specificity", "This photo")
WITH_INTERVAL = "{share} ({low} to {high})"
ABOVE, BELOW = "above {line}", "below {line}"
POINTS_NOTE = (
    "Measured on HAM10000 lesions used neither for training nor for the threshold (in brackets: 95 % "
    "confidence interval)."
)
CHECK_FIRST = "Check first"
NO_CHECKS = "No fault of the photo itself was found."
MORE_CHECKS = " … There is more, in the JSON report."
NOT_CHECKED = "These weights cannot check the photo."
SIMILAR_FACTS = "{how}; similarity {similarity}"
SIMILAR_NOTE = "Similarity is a cosine, 1 at most; it is not a probability."
THUMBNAILS_FROM = "Pictures: HAM10000 (Tschandl et al. 2018), CC BY-NC 4.0."
READER = "As stated by the clinician"
READER_UNUSED = "Nothing stated here was used for the answer."
READER_USED = (
    "Age and sex fill the column “{context}” and can raise suspicion. Nothing else here was used."
)
READER_FIELDS = ("Age", "Sex", "Site", "Own diagnosis")
NOTES_CUT = "The notes do not fit on this page: the whole text is in the JSON report."
NO_GLYPHS = "Characters that this page's font lacks are printed as {square}; the JSON report has them."
MADE_BY = "Weights: {weights}. SHA-256 of ensemble.json: {sha256}."
COMPUTED = (
    "Computed on {device}; networks: {members}; views of the photo: {views}. The JSON report of the "
    "same photo holds all numbers and all maps."
)
