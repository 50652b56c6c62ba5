"""The sentences of the one-page report."""

from skin_app.words.outcome import OUTCOME_MEANING as OUTCOME_MEANING
from skin_app.words.outcome import OUTCOMES as OUTCOMES

TITLE = "Report on one photo of a skin lesion"
NO_OUTCOME = "No outcome"
NO_LIMITS = (
    "These weights carry no limits to judge an answer by: no outcome, no prediction set, no operating "
    "point, and no check of the photo."
)
PHOTO = "The photo"
CAPTION = "Right: map for {name} ({code}), probability {share}."
NO_MAP = "This answer is the quick one, which has no maps."
ON_LESION = "{share} of this map's heat lies on the lesion, as far as a simple outline can tell."
COLOURS = (
    "Colours: where the photo shows through, nothing adds to this class; then from violet over blue "
    "and green to yellow, the strongest of all seven maps. The darkened margin was not seen by the "
    "networks."
)
MAP_MEANING = (
    "The map estimates how much of this class's probability hangs on a place. It does not show where "
    "disease is, and it does not outline the lesion."
)
MAP_IS_WEAK = (
    "Measured on unseen images, these maps did not find the pixels that the score depends on any "
    "better than a spot in the middle does."
)
RANKING = "Seven diagnoses, ranked"
RANKING_COLUMNS = (
    "Diagnosis",
    "Probability",
    "If all were equally common",
    "In the 90\N{NO-BREAK SPACE}% set",
)
RANKING_NOTE = "Calibrated probability under the class frequencies of the training data (HAM10000)."
MALIGNANT = "malignant"
YES, NO, NO_SET = "yes", "no", "no set"
MASS = "Malignant diagnoses together ({codes}): {share}"
POINTS = "Malignant or benign: where to draw the line"
POINT_COLUMNS = ("Malignant to be found", "Sensitivity", "Specificity", "This photo")
WITH_INTERVAL = "{share} ({low} to {high})"
ABOVE, BELOW = "above {line}", "below {line}"
POINTS_NOTE = (
    "Measured on HAM10000 images, each by only those networks that had not learnt from it and by a "
    "line fitted on other lesions; in brackets the 95 % interval."
)
POINTS_OFF = (
    "No line is drawn here: what was measured holds only for photos like those learnt from, and this "
    "one is not."
)
AGREEMENT = (
    "{agreeing} of {readings} readings (each network on each view) lie on the answer's side, malignant "
    "or benign."
)
CHECKS = "Check first"
NO_CHECKS = "Nothing was found against this photo by the checks of these weights."
MORE_CHECKS = " … There is more, in the JSON report."
NOT_CHECKED = "These weights check nothing about the photo."
NOVEL = "The photo is unlike the images learnt from."
NO_LESION = "No lesion stands out from the skin here, so it cannot be checked where the heat lies."
HEAT_OUTSIDE = (
    "Less of the first diagnosis's heat lies on the lesion than is usual for its size: {share} of it."
)
NO_TONE = "The skin's tone was not estimated, so it is not checked against the training data."
RARE_TONE = (
    "The skin is measured as {tone}. The training data hold hardly any such skin, so the scores of "
    "these weights do not speak for it."
)
SIMILAR_HEADING = "Confirmed lesions that look alike to the networks"
SIMILAR_FACTS = "{how}; likeness {likeness}"
SIMILAR_NOTE = "Likeness is cosine similarity, 1 at most; it is no probability."
THUMBNAILS_FROM = "Pictures: HAM10000 (Tschandl et al. 2018), CC BY-NC 4.0."
TRAINING_IMAGE = (
    "This photo is most likely one of the training images ({image_id}): the answer is partly learnt by "
    "heart."
)
READER = "As stated by the reader; not used by the networks"
READER_FIELDS = ("Age", "Sex", "Site", "Own diagnosis")
NOTES = "Notes"
NOTES_CUT = "The notes are longer than this page has room for: the whole text is in the JSON report."
NO_GLYPHS = "Characters that this page's font lacks are printed as {square}; the JSON report has them."
MADE_BY = "Weights: {weights}. SHA-256 of ensemble.json: {sha256}."
COMPUTED = (
    "Computed on {device}; networks: {members}; views of the photo: {views}. The JSON report of the "
    "same photo holds all numbers and all seven maps."
)
