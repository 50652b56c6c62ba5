"""The sentences of the page that no number goes into."""

from skin_app.outcome import Outcome

TITLE = "Skin lesion decision support"
SUBTITLE = "Ranks seven diagnoses for one dermatoscopic photo and shows what the ranking rests on."
STRIP = (
    "<strong>Research demo, not a medical device.</strong> Not for diagnosis or treatment "
    "decisions; only for dermatoscopic photos. If a lesion worries you, see a doctor."
)
INTRO = """
<h2>How it works</h2>
<ol>
<li>Choose a dermatoscopic photo on this page, or one of the synthetic drawings. The analysis starts
by itself.</li>
<li>A quick answer comes first; the full answer of all networks follows.</li>
<li>You see seven diagnoses in order of probability, a map of where each score came from, and
confirmed lesions that look alike to the networks.</li>
</ol>
<p class="quiet">Ordinary photos of skin, other body tissue and other diagnoses are outside of what
the networks know; they will still name one of the seven.</p>
"""
IDLE = "No photo yet. Choose one, or try a synthetic drawing."
NOTHING_CHOSEN = "There is no photo to analyse: choose, paste or take one first."
NO_LONGER_HELD = (
    "The photo of this result is no longer held in memory: choose it again to see its maps."
)
FAULT = (
    "The analysis stopped because of a fault in this program, so there is no result for this "
    "photo. The rest of the page still works; the fault is in the program's log."
)
NO_TRUST = (
    "These weights carry no limits to judge an answer by, so there is no outcome, no prediction set, "
    "no operating point, no novelty check, no check of the photo, of its heat map or of the skin "
    "tone: run python -m train calibrate on them."
)
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
OUTCOME_MEASURED: dict[Outcome, tuple[str, str]] = {
    "suspicious": (
        "malignant among those called suspicious",
        "Of the images measured that one network alone called so, {share} were malignant.",
    ),
    "not suspicious": (
        "melanomas that end in not suspicious",
        "Of the melanoma images measured, each by one network alone, {share} ended here.",
    ),
    "uncertain": (
        "answers that are uncertain",
        "Of all images measured, each by one network alone, {share} ended here before disagreement was "
        "asked.",
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
    "Little of the first diagnosis's heat lies on the lesion ({share:.0%} of it, on a lesion that "
    "covers {area:.0%} of the square): look whether hair, ink, a ruler or the edge drew it."
)
ON_LESION = "{share} of this map's heat lies on the lesion, as far as a simple outline can tell"
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
    "Sensitivity and specificity were measured on HAM10000 images, each answered by one network alone "
    "and by a line that was fitted on other lesions (in brackets: 95&nbsp;% interval). The two shares "
    "beside them follow from how many of the lesions that you see are malignant: {prevalence}, set "
    "with the slider."
)
MAP_MEANING = (
    "The map shows where this class's score came from. It does not show where disease is, and it "
    "does not outline the lesion. All seven maps share one scale, so a pale map means a weak "
    "class. The darkened margin was not seen by the networks."
)
MAP_IS_WEAK = (
    "Measured on images that the networks had not seen, these maps did not find the pixels that the "
    "score depends on any better than a spot in the middle of the photo does: do not read much into "
    "them."
)
TRUST_CAPTION = (
    "Measured on HAM10000 images by one network alone (the pictures to refuse: by all together), by "
    "limits that were fitted on other lesions; docs/trust.md says how, and what was chosen after a "
    "look at them"
)
EQUALLY_COMMON = "if all seven were equally common"
RANKING_CAPTION = "Calibrated probability under the class frequencies of the training data (HAM10000)"
SIMILAR_NOTE = (
    "Nearest images of the training data by the first network's features, one for each lesion. "
    "Their pictures are not shown here for licence reasons; the link leads to the public archive's "
    "record. Likeness is cosine similarity, 1 at most; it is no probability."
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
<li>A copy at screen size stays in the server's memory, so that you can switch between the maps. It
goes when you close or reload the page, or choose another photo.</li>
<li>Nothing is stored, logged, sent elsewhere or used for training. The page loads nothing from
other hosts; only the archive links lead away.</li>
</ul>
"""
LIMITS = """
<ul>
<li>Seven groups of pigmented lesions only. Anything else is forced into one of them.</li>
<li>HAM10000 holds almost only light skin, from two clinics. Expect lower scores than those measured
here on other skin tones, cameras and clinics.</li>
<li>Rulers, ink, hair and dark corners can change the answer.</li>
<li>A faulty answer can mislead experts too: look at the lesion first, then at this page.</li>
</ul>
"""
NO_SCORES = "No scores were measured for these weights."
