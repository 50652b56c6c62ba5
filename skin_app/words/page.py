"""Sentences of the page's frame and of the tab of one photo."""

from skin_app.words.language import Plural

TITLE = "Skin lesion decision support"
LANGUAGE, SPEAK = "Language", "Show the page in {language}. An open result is closed."
SUBTITLE = "Ranks seven diagnoses for a dermatoscopic photo and shows the evidence."
STRIP = (
    "<strong>Research demo, not a medical device.</strong> Not for diagnosis or treatment "
    "decisions; only for dermatoscopic photos. If a lesion worries you, see a doctor."
)
INTRO = """
<h2>How it works</h2>
<ol>
<li>Drop, paste, choose or take a dermatoscopic photo on this page, or try a synthetic drawing. The
analysis starts by itself.</li>
<li>A quick answer comes first; the full answer of all networks follows.</li>
<li>You see seven ranked diagnoses, heatmaps of the probable ones, and similar confirmed lesions.</li>
<li>If you enter the patient's age, you see two answers: from the photo alone, and with the age.</li>
</ol>
<p class="quiet">The networks know neither clinical photos, other tissue nor other diagnoses; they will
still name one of the seven.</p>
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
    "These weights have no limits to judge an answer by: there is no outcome, no prediction "
    "set, no threshold and no check of the photo. Run python -m train audit on them."
)
OUTCOME_MEASURED: dict[str, str] = {
    "suspicious": "In testing, {share} of the photos called suspicious were malignant.",
    "not suspicious": "In testing, {share} of the melanomas were called not suspicious.",
    "uncertain": "In testing, {share} of the answers were uncertain.",
}
AGREEMENT = (
    "{agreeing} of {readings} readings (one network, one view each) lie on the same side of the "
    "threshold for “suspicious” as their average."
)
SET = (
    "<strong>90&nbsp;% set: {names}.</strong> The true diagnosis is in this set for 9 of 10 "
    "lesions of each diagnosis."
)
SET_EMPTY = (
    "<strong>The 90&nbsp;% set is empty:</strong> no diagnosis is as probable here as for 9 of "
    "10 of its own lesions."
)
SET_WHOLE = (
    "<strong>The 90&nbsp;% set holds all seven diagnoses:</strong> none of them can be ruled out."
)
SET_OFF = "There is no prediction set: it is valid only for photos like the training images."
IN_SET = "In the 90&nbsp;% set"
CHECK_FIRST = "Check first"
ON_LESION = "{share} of this map's heat lies on the lesion (simple outline)."
NO_TONE = "The skin tone could not be estimated, so it was not compared with the training data."
POINTS = "Malignant: {probability}"
POINTS_OFF = "There are no thresholds: they are valid only for photos like the training images."
POINT_COLUMNS = ("Target sensitivity", "Sensitivity", "Specificity", "PPV", "NPV", "This photo")
POINTS_NOTE = (
    "Sensitivity and specificity: measured on HAM10000 lesions that neither the networks nor "
    "the threshold had seen (95&nbsp;% interval). Positive and negative predictive value (PPV, "
    "NPV): at {prevalence} malignant lesions, set with the slider. From the {suspicious} threshold up, "
    "the outcome is “suspicious”. Only below the {cleared} threshold can it be “not suspicious”."
)
MAP_MEANING = (
    "The heatmap estimates how much each place adds to the score of this diagnosis. It does not "
    "show or outline disease. All maps of a photo share one scale: a pale map means a low score. The "
    "networks did not see the darkened margin."
)
MAP_IS_WEAK = (
    "In testing, these maps did not find the decisive pixels better than a spot in the middle "
    "of the photo: do not rely on them."
)
RANKING = "Seven diagnoses, ranked"
RANKING_CAPTION = (
    "Calibrated probability with the class frequencies of HAM10000. Choose a diagnosis to see "
    "its heatmap."
)
EQUALLY_COMMON = "With equal class frequencies"
DIAGNOSIS = "Diagnosis"
PROBABILITY = "Probability"
BAR = "Probability as a bar"
SHOW_ITS_MAP = "(show its heatmap)"
MALIGNANT = "malignant"
MALIGNANT_TOGETHER = "Malignant ({codes}): <strong>{share}</strong>"
YES, NO = "yes", "no"
QUICK_ANSWER = "Quick answer from {members} × {views}; refining …"
FULL_ANSWER = "Answer from {members} × {views}."
MEMBERS, VIEWS = Plural("{count} member", "{count} members"), Plural("{count} view", "{count} views")
COMPUTED_ON = "Computed on {device}. Weights: {weights}."
DO_MEMBERS_AGREE = "Do the networks agree?"
ALL_TOGETHER, MEMBER = "All together", "Member {number}"
MEMBER_COLUMNS = ("Network", "First diagnosis", "Second diagnosis")
OUTCOME = "Outcome"
POINTS_TITLE = "Thresholds"
NOT_DEFINED = "not defined"
ABOVE = "<strong>above</strong> ({threshold})"
BELOW = "<strong>below</strong> ({threshold})"
NOT_STATED = "not stated"

MAP_TITLE = "Where the score came from"
THE_PHOTO = "The photo that was analysed"
HEATMAP_OF = "Heatmap for {name} over the photo"
MAP_FOR = "Map for <strong>{name}</strong>, probability {share}."
MAP_FOLLOWS = "The heatmaps follow with the full answer."
MAP_EMPTY = "No place adds to this diagnosis."
TOO_IMPROBABLE = "It has no map, because its probability is below {least}."
PEAK = "Its strongest place reaches {peak} of the strongest place of all maps."
MOST_HEAT = "Most of its heat lies {place} of the square."
NO_PLACE = "No ninth of the square holds most of its heat."
PLACES = (
    ("at the upper left", "at the top", "at the upper right"),
    ("at the left", "in the middle", "at the right"),
    ("at the lower left", "at the bottom", "at the lower right"),
)
STRENGTH = "Strength of the map"
SPLIT = "Plain photo from the left up to"
BESIDE = "Compare with"
NOTHING_BESIDE = "nothing"
SCALE_LOW, SCALE_HIGH = "adds nothing to this class", "strongest place of all maps"

SIMILAR = "Similar confirmed lesions"
SIMILAR_COUNT = "The {count} most similar lesions:"
SIMILAR_ENTRY = "{number} {name} ({how})"
SIMILAR_CONFIRMED = "{number} confirmed by {how}"
SIMILAR_UNSTATED = "{number}: how it was confirmed is not stated"
SIMILARITY = "similarity {similarity}"
AGED = "{age} years"
PICTURE_OF = "{name}, archive id {image_id}"
IN_ARCHIVE = "{image_id} in the archive"
NO_PICTURE = "No picture here"
SIMILAR_NOTE = (
    "The most similar training images to the first network, one per lesion. Similarity is the "
    "cosine of their features (1 at most), not a probability. The links lead to the public "
    "archive."
)
SIMILAR_WITHOUT_PICTURES = (
    "Their licence does not allow the pictures to be shipped. To see them, start the page with "
    "SKIN_APP_HAM10000 set to a folder with HAM10000."
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
<li>What you enter is used for the answer and the report, and for nothing else.</li>
<li>If you choose a language, a cookie keeps that choice until you close the browser. Otherwise there is
no cookie.</li>
<li>Nothing else is stored, logged, sent elsewhere or used for training. The page loads nothing from
other hosts; only the archive links lead away.</li>
</ul>
"""

TAB_ONE, TAB_SEVERAL, TAB_EVIDENCE, TAB_ABOUT = "One photo", "Several photos", "Evidence", "About"
PHOTO_LABEL = "Dermatoscopic photo"
ADD_FILES = "Add files"
CHOSEN_PHOTO = "The chosen photo"
ANALYSE = "Analyse"
PREVALENCE = "Malignant lesions among those you see (%)"
EXAMPLES = "Synthetic drawings to try"
EXAMPLE_NAMES = ("Pigment network", "Globules", "Irregular patchy", "Red lacunae")
LOADING = "Loading …"
EXPLAIN = "About: {about}"

REPORT_TITLE = "Report on this photo"
REPORT_INTRO = (
    "All fields are optional. They are printed in the report, with the age and sex entered above. The "
    "networks do not see them, and nothing is stored."
)
REPORT_SITE = "Site of the lesion"
REPORT_DIAGNOSIS, REPORT_NOTES = "Your own diagnosis", "Notes"
REPORT_TOO_EARLY = "The full answer is still being made: make the report when it is there."
REPORT_MAKE = "Make the report (PDF, JSON, CSV)"
REPORT_PDF, REPORT_JSON, REPORT_CSV = (
    "One page (PDF)",
    "All numbers (JSON)",
    "One table row (CSV)",
)
REPORT_NOT_STORED = "The files were made in memory for this page; the server stored nothing."

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
COMPARED = ("", "Original", "Corrected")
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
