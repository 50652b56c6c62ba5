"""The sentences of the page that no number goes into."""

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
MAP_MEANING = (
    "The map shows where this class's score came from. It does not show where disease is, and it "
    "does not outline the lesion. All seven maps share one scale, so a pale map means a weak "
    "class. The darkened margin was not seen by the networks."
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
