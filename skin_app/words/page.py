"""The page's sentences in English; `Say` translates them and puts numbers into their named places."""

from skin_app.outcome import Outcome
from skin_app.words.outcome import OUTCOME_MEANING as OUTCOME_MEANING
from skin_app.words.outcome import OUTCOMES as OUTCOMES

TITLE = "Skin lesion decision support"
SUBTITLE = "Ranks seven diagnoses for one dermatoscopic photo and shows what the ranking rests on."
STRIP = (
    "<strong>Research demo, not a medical device.</strong> Not for diagnosis or treatment "
    "decisions; only for dermatoscopic photos. If a lesion worries you, see a doctor."
)
INTRO = """
<h2>How it works</h2>
<ol>
<li>Drop, paste, choose or take a dermatoscopic photo on this page, or try one of the synthetic
drawings. The analysis starts by itself.</li>
<li>A quick answer comes first; the full answer of all networks follows.</li>
<li>You see seven diagnoses in order of probability, a map of where each score came from, and
confirmed lesions that look alike to the networks.</li>
</ol>
<p class="quiet">Ordinary photos of skin, other body tissue and other diagnoses are outside of what
the networks know; they will still name one of the seven.</p>
"""
EMBEDDED_INSTEAD = (
    "The chosen weights could not be downloaded; these answers come from the embedded weights."
)
IDLE = "No photo yet. Choose one, or try a synthetic drawing."
READ = "Photo read; analysing …"
NOTHING_CHOSEN = "There is no photo to analyse: choose, paste or take one first."
NO_LONGER_HELD = "The photo of this result is no longer held in memory: choose it again."
FAULT = (
    "The analysis stopped because of a fault in this program, so there is no result for this "
    "photo. The rest of the page still works; the fault is in the program's log."
)
NO_TRUST = (
    "These weights carry no limits to judge an answer by, so there is no outcome, no prediction set, "
    "no operating point, no novelty check, no check of the photo, of its heat map or of the skin "
    "tone: run python -m train audit on them."
)
OUTCOME_MEASURED: dict[Outcome, tuple[str, str]] = {
    "suspicious": (
        "malignant among those called suspicious",
        "Of the images that were called so, each by only those networks that had not learnt from it, "
        "before disagreement was asked, {share} were malignant.",
    ),
    "not suspicious": (
        "melanomas that end in not suspicious",
        "Of the melanoma images measured, each by only those networks that had not learnt from it, "
        "{share} ended here before disagreement was asked.",
    ),
    "uncertain": (
        "answers that are uncertain",
        "Of all images measured, each by only those networks that had not learnt from it, {share} "
        "ended here before disagreement was asked.",
    ),
}
AGREEMENT = (
    "{agreeing} of {readings} readings (each network on each view) lie on the answer's side, "
    "malignant or benign."
)
SET = (
    "<strong>90&nbsp;% set: {names}.</strong> Made so that, of the lesions of any one diagnosis, nine "
    "in ten have their diagnosis in the set."
)
SET_EMPTY = (
    "<strong>The 90&nbsp;% set is empty:</strong> every diagnosis is less probable here than it is for "
    "nine in ten of its own lesions, so the photo resembles none of them well."
)
SET_WHOLE = (
    "<strong>The 90&nbsp;% set holds all seven diagnoses:</strong> the photo rules none of them out."
)
SET_OFF = "There is no prediction set: what it promises holds only for photos like those learnt from."
IN_SET = "In the 90&nbsp;% set"
CHECK_FIRST = "Check first"
HEAT_OUTSIDE = (
    "Less of the first diagnosis's heat lies on the lesion than is usual for its size ({share} of it, "
    "on a lesion that covers {area} of the square): look whether hair, ink, a ruler or the edge drew "
    "it."
)
ON_LESION = "{share} of this map's heat lies on the lesion, as far as a simple outline can tell."
NO_LESION = "No lesion stands out from the skin here, so it cannot be checked where the heat lies."
NO_TONE = (
    "The skin's tone was not estimated (too little skin, or too blue a photo), so it is not checked "
    "against the training data."
)
RARE_TONE = (
    "The skin around the lesion is measured as {tone} (from the photo's colours, which lighting "
    "shifts). The training data hold hardly any such skin, so the scores of these weights do not "
    "speak for it."
)
POINTS = "The malignant diagnoses together have {probability}."
POINTS_OFF = (
    "No line is drawn between malignant and benign here: what was measured holds only for photos like "
    "those learnt from, and this one is not."
)
POINT_COLUMNS = (
    "Malignant to be found",
    "Sensitivity",
    "Specificity",
    "Malignant among those above",
    "Benign among those below",
    "This photo",
)
POINTS_NOTE = (
    "Sensitivity and specificity were measured on HAM10000 images, each answered by only those "
    "networks that had not learnt from it and by a line that was fitted on other lesions (in brackets: "
    "95&nbsp;% interval). The two shares beside them follow from how many of the lesions that you see "
    "are malignant: {prevalence}, set with the slider."
)
MAP_MEANING = (
    "The map estimates how much of this class's probability hangs on a place. It does not show where "
    "disease is, and it does not outline the lesion. All seven maps share one scale, so a pale map "
    "means an improbable class or little to see. The darkened margin was not seen by the networks."
)
MAP_IS_WEAK = (
    "Measured on images that the networks had not seen, these maps did not find the pixels that the "
    "score depends on any better than a spot in the middle of the photo does: do not read much into "
    "them."
)
RANKING = "Seven diagnoses, ranked"
RANKING_CAPTION = (
    "Calibrated probability under the class frequencies of the training data (HAM10000). Choose a "
    "diagnosis to see its heatmap."
)
EQUALLY_COMMON = "… if all seven were equally common"
DIAGNOSIS = "Diagnosis"
PROBABILITY = "Probability"
BAR = "Probability as a bar"
SHOW_ITS_MAP = "(show its heatmap)"
MALIGNANT = "malignant"
MALIGNANT_TOGETHER = "Malignant diagnoses together ({codes}): <strong>{share}</strong>"
YES, NO = "yes", "no"
QUICK_ANSWER = "Quick answer from {members} × {views}; refining …"
FULL_ANSWER = "Answer from {members} × {views}."
ONE_MEMBER, MEMBERS = "{count} member", "{count} members"
ONE_VIEW, VIEWS = "{count} view", "{count} views"
COMPUTED_ON = "Computed on {device}. Weights: {weights}."
DO_MEMBERS_AGREE = "Do the members agree?"
ALL_TOGETHER, MEMBER = "All together", "Member {number}"
MEMBER_COLUMNS = ("Who", "First answer", "Second answer")
OUTCOME = "Outcome"
POINTS_TITLE = "Malignant or benign: where to draw the line"
NOT_DEFINED = "not defined"
ABOVE = "<strong>above</strong> (line at {line})"
BELOW = "<strong>below</strong> (line at {line})"
NOT_STATED = "not stated"

MAP_TITLE = "Where the score came from"
THE_PHOTO = "The photo that was analysed"
HEATMAP_OF = "Heatmap for {name} over the photo"
MAP_FOR = "Map for <strong>{name}</strong>, probability {share}."
MAP_FOLLOWS = "The heatmaps follow with the full answer."
MAP_EMPTY = "No place adds to this class."
PEAK = "Its strongest place has {peak} of the strongest of all seven maps."
MOST_HEAT = "Most of its heat lies {place} of the square."
NO_PLACE = "No ninth of the square holds most of its heat."
PLACES = (
    ("at the upper left", "at the top", "at the upper right"),
    ("at the left", "in the middle", "at the right"),
    ("at the lower left", "at the bottom", "at the lower right"),
)
STRENGTH = "Strength of the map"
SPLIT = "Before / after: plain photo from the left up to"
BESIDE = "Beside it, why this rather than …"
NOTHING_BESIDE = "nothing"
SCALE_LOW, SCALE_HIGH = "adds nothing to this class", "strongest of all seven maps"

SIMILAR = "Confirmed lesions that look alike to the networks"
SIMILAR_COUNT = "Of the {count} nearest lesions:"
SIMILAR_ENTRY = "{number} {name} ({how})"
SIMILAR_CONFIRMED = "{number} confirmed by {how}"
SIMILAR_UNSTATED = "{number}: how it was confirmed is not stated"
LIKENESS = "likeness {likeness}"
AGED = "{age} years"
PICTURE_OF = "{name}, archive id {image_id}"
IN_ARCHIVE = "{image_id} in the archive"
NO_PICTURE = "picture in the archive only"
SIMILAR_NOTE = (
    "Nearest images of the training data by the first network's features, one for each lesion. "
    "Likeness is cosine similarity, 1 at most; it is no probability. The links lead to the public "
    "archive's records."
)
SIMILAR_WITHOUT_PICTURES = (
    "Their pictures are not shown here for licence reasons. With a copy of HAM10000 on this machine, "
    "start the page with SKIN_APP_HAM10000 set to its folder to see them."
)
TRAINING_IMAGE = (
    "This photo is most likely one of the training images ({image_id}), so the answer above is partly "
    "learnt by heart and says little about new patients."
)
SYNTHETIC_NOTE = "Synthetic drawings, not patients: their answers mean nothing."

PRIVACY = """
<ul>
<li>The photo is read once and its file is deleted from the server before the analysis.
Camera, date and place stored in the file are dropped.</li>
<li>A copy of its pixels stays in the server's memory, so that you can see corrections and make a
report. It goes when you close or reload the page, or choose another photo, or 15 minutes after you last
did something with it.</li>
<li>Several photos wait as files until you start, for five minutes at most, and each file is deleted
when its turn comes; their results stay in memory in the same way.</li>
<li>What you type into the report goes into the report, and nowhere else.</li>
<li>Nothing is stored, logged, sent elsewhere or used for training. The page loads nothing from
other hosts; only the archive links lead away.</li>
</ul>
"""

TAB_ONE, TAB_SEVERAL, TAB_EVIDENCE, TAB_ABOUT = "One photo", "Several photos", "Evidence", "About"
PHOTO_LABEL = "Dermatoscopic photo"
ADD_FILES = "Add files"
CHOSEN_PHOTO = "The chosen photo"
ANALYSE = "Analyse"
PREVALENCE = "Malignant share of the lesions that you see (%)"
EXAMPLES = "Synthetic drawings to try"
EXAMPLE_NAMES = ("Pigment network", "Globules", "Irregular patchy", "Red lacunae")
LOADING = "Loading …"

REPORT_TITLE = "Report to keep"
REPORT_INTRO = (
    "All fields are optional. They are printed in the report, are not fed to the networks, and are not "
    "stored here."
)
REPORT_AGE, REPORT_SEX, REPORT_SITE = "Age", "Sex", "Site of the lesion"
REPORT_DIAGNOSIS, REPORT_NOTES = "Your own diagnosis", "Notes"
REPORT_TOO_EARLY = "The full answer is still being made: make the report when it is there."
REPORT_MAKE = "Make the report (PDF, JSON, CSV)"
