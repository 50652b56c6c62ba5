"""Sentences of the page's frame and of the tab of one photo."""

from skin_app.words.language import Plural

TITLE = "Skin lesion decision support"
LANGUAGE, SPEAK = "Language", "Show the page in {language}. This closes an open result."
DEMO = "Research demo, not a medical device"
DEMO_MEANING = (
    "Not for diagnosis or treatment decisions; only for dermatoscopic photos. If a lesion worries "
    "you, see a doctor. The networks know only seven diagnoses and name one of them for every photo."
)
HOW_IT_WORKS = (
    "Drop, paste, choose or take one dermatoscopic photo.",
    "The analysis starts by itself: a quick answer first, then the full one.",
    "You see seven ranked diagnoses, heatmaps and similar confirmed lesions.",
)
EMBEDDED_INSTEAD = (
    "The chosen weights could not be downloaded; these answers come from the embedded weights."
)
ANALYSING = "Analysing …"
BEFORE_YOURS = Plural("{count} photo is ahead of yours.", "{count} photos are ahead of yours.")
BEFORE_YOURS_FOR = Plural(
    "{count} photo is ahead of yours; about {time}.", "{count} photos are ahead of yours; about {time}."
)
LINE_IS_FULL = (
    "The server accepts no photos now, because {count} are already waiting: try again in a minute."
)
NOT_ANALYSED = "The photo that you chose last was not analysed: wait a moment, then choose it again."
NO_LONGER_HELD = "The photo of this result is no longer held in memory: choose it again."
FAULT = (
    "The analysis stopped because of a fault in this program, so there is no result for this photo. "
    "The rest of the page still works. The program's log describes the fault."
)
NO_TRUST = (
    "These weights contain no thresholds. So there is no outcome, no prediction set and no check of "
    "the photo. Run python -m train audit on them."
)
OUTCOME_MEASURED: dict[str, str] = {
    "suspicious": "In testing, {share} of the photos called suspicious were malignant.",
    "not suspicious": "In testing, {share} of the melanomas were called not suspicious.",
    "uncertain": "In testing, {share} of the answers were uncertain.",
}
AGREEMENT = (
    "{agreeing} of {readings} readings lie on the same side of the threshold for “suspicious” as "
    "their average. A reading is one network's answer to one view of the photo."
)
SET = "<strong>90&nbsp;% set: {names}.</strong>"
SET_EMPTY = (
    "<strong>The 90&nbsp;% set is empty:</strong> each diagnosis is less probable here than in 9 of "
    "10 lesions that have it."
)
SET_WHOLE = (
    "<strong>The 90&nbsp;% set holds all seven diagnoses:</strong> none of them can be ruled out."
)
SET_OFF = "There is no prediction set: it is valid only for photos like the training images."
IN_SET, THE_SET = "in the 90&nbsp;% set", "90&nbsp;% set"
CHECK_FIRST = "Check first ({count})"
ON_LESION = "{share} of this map's heat lies on the lesion, which is outlined automatically."
NO_TONE = "The skin tone could not be estimated, so it was not compared with the training data."
POINTS = "Malignant: {probability}"
POINT_SCALE = "Malignant probability"
ZONES = {"not suspicious": "Not suspicious", "uncertain": "Uncertain", "suspicious": "Suspicious"}
ZONE_BELOW, ZONE_BETWEEN, ZONE_FROM = "below {high}", "{low} to {high}", "from {low}"
POINTS_OFF = "There are no thresholds: they are valid only for photos like the training images."
POINT_ROWS = ("Target sensitivity", "This photo", "Sensitivity", "Specificity", "PPV", "NPV")
REACHED = (
    "This photo reaches the threshold of {threshold}. So do {reaching} of 100 lesions that you see: "
    "{malignant} malignant, {benign} benign. Below it: {missed} malignant, {cleared} benign."
)
NOT_REACHED = (
    "This photo stays below the threshold of {threshold}. So do {below} of 100 lesions that you see: "
    "{missed} malignant, {cleared} benign. Above it: {malignant} malignant, {benign} benign."
)
POINTS_NOTE = (
    "Sensitivity and specificity were measured on HAM10000 lesions used neither to train the networks "
    "nor to fit the threshold. The 95&nbsp;% confidence interval is below each value.",
    "The positive and negative predictive values (PPV, NPV) hold for the share of malignant lesions "
    "that you set.",
    "From the threshold for {suspicious} sensitivity upwards, the outcome is “suspicious”. Only below "
    "the threshold for {cleared} sensitivity can it be “not suspicious”.",
    "The thresholds are low, so the scale is stretched near 0 (cube root).",
)
MAP_MEANING = (
    "The heatmap estimates how much each place adds to the score of this diagnosis. It does not "
    "show or outline disease. All maps of a photo share one scale: a blue map means a low score. The "
    "networks did not see the darkened margin."
)
MAP_IS_WEAK = (
    "Do not rely on these maps: in testing, they found the decisive pixels no better than a central "
    "spot."
)
# Method -> its name, and what it shows; then how it was tested.
METHODS: dict[str, tuple[str, str]] = {
    "attribution": (
        "Contribution map",
        "Estimates how much each place adds to the score of this diagnosis, compared with the others.",
    ),
    "grad_cam": (
        "Classic Grad-CAM",
        "Shows where the last layer of the networks supports this diagnosis; often most of the photo.",
    ),
}
METHODS_TESTED = {
    "attribution": (
        "In testing, {heat} of its heat lay on the lesion, which covered {area} of the square."
    ),
    "grad_cam": "It was tested for single networks. Their mean, shown here, was not tested.",
}
METHOD_NOT_TESTED = "It was not tested with these weights."
RANKING = "Seven diagnoses, ranked"
RANKING_MEANING = (
    "The calibrated probabilities assume that each diagnosis is as frequent as in HAM10000. Choose a "
    "diagnosis to see its heatmap. “Numbers” gives one decimal, and the probabilities if all seven "
    "were equally common."
)
SET_MEANING = "The true diagnosis is in the 90&nbsp;% set for 9 of 10 lesions of each diagnosis."
ENSEMBLE, EQUALLY_COMMON = "Ensemble", "Equally common"
DIAGNOSIS = "Diagnosis"
PROBABILITY = "Probability"
SHOW_ITS_MAP = "(show its heatmap)"
MALIGNANT = "malignant"
MALIGNANT_TOGETHER = "Malignant"
YES, NO = "yes", "no"
QUICK_ANSWER, FULL_ANSWER = "Quick answer, refining …", "Full answer"
MEMBERS, VIEWS = Plural("{count} network", "{count} networks"), Plural("{count} view", "{count} views")
COMPUTED_ON = "{members} × {views}. Computed on {device}. Weights: {weights}."
GPU_WAS_FULL = (
    "The memory of the GPU was full: the CPU computed this answer. It took longer, and its numbers may "
    "differ slightly."
)
NUMBERS = "Numbers"
MEMBER = "Network {number}"
NUMBERS_INTRO = (
    "All networks together form the ensemble. “Equally common”: the probabilities if all seven "
    "diagnoses were equally common."
)
OUTCOME = "Outcome"
NO_OUTCOME_HERE = "No outcome"
POINTS_TITLE = "Thresholds"
NOT_DEFINED = "not defined"
ABOVE, BELOW = "above", "below"
NOT_STATED = "not stated"

MAP_TITLE = "Where the score came from"
THE_PHOTO = "The photo that was analysed"
HEATMAP_OF = "Heatmap for {name} over the photo"
MAP_FOR = "Heatmap: <strong>{name}</strong>"
MAP_FOLLOWS = "The heatmaps follow with the full answer."
MAP_EMPTY = "No place adds to this diagnosis."
TOO_IMPROBABLE = "{name} has no heatmap: its probability is below {least}."
PEAK = "Its peak reaches {peak} of the highest peak of all maps."
MOST_HEAT = "Most of its heat lies {place} of the square."
NO_PLACE = "Its heat is spread over the square."
PLACES = (
    ("at the upper left", "at the top", "at the upper right"),
    ("at the left", "in the middle", "at the right"),
    ("at the lower left", "at the bottom", "at the lower right"),
)
SHOWN = "What is shown"
SHOWN_PARTS = {"photo": "Photo", "both": "Both", "heatmap": "Heatmap"}
STRENGTH = "Strength"
NEW_PHOTO = "New photo"
START_OVER = "Remove the photo and start over"
DROP_HERE = "Drop the new photo here"
BESIDE = "Compare"
NOTHING_BESIDE = "nothing"
METHOD = "Method"
SCALE_LOW, SCALE_HIGH = "adds nothing to this diagnosis", "highest peak of all maps"

SIMILAR = "Similar confirmed lesions"
SYNTHETIC_NOTE = "Synthetic drawings, not patients: their answers mean nothing."

PRIVACY = """
<ul>
<li>The photo is read once and its file is deleted from the server before the analysis.
Camera, date and place stored in the file are dropped.</li>
<li>A copy of its pixels stays in the server's memory, so that you can see corrections and make a
report. It is deleted when you close or reload the page or choose another photo, and after 15 idle
minutes.</li>
<li>Several photos wait as files until you start. They are deleted when you take them off the list or
close the page, and after 15 minutes. Once you start, each file is deleted when its turn comes. Their
results stay in memory in the same way.</li>
<li>What you enter is used for the answer and the report, and for nothing else.</li>
<li>If you ask for pictures of similar lesions, this server fetches them from the ISIC Archive by their
ids. It keeps them for later visitors. The archive sees this server's address and the ids, nothing of
your photo. The operator of this server can switch this on for all visitors.</li>
<li>If you choose a language, a cookie keeps that choice until you close the browser. Otherwise there is
no cookie.</li>
<li>The server logs and counts requests: when each one ended, how long it took and its outcome. It logs
no file name, address, diagnosis or probability.</li>
<li>Nothing else is stored, logged, sent elsewhere or used for training. Your browser loads nothing from
other hosts; only the archive links lead away.</li>
</ul>
"""

TAB_ONE, TAB_SEVERAL, TAB_EVIDENCE, TAB_ABOUT = "One photo", "Several photos", "Evidence", "About"
PHOTO_LABEL = "Dermatoscopic photo"
PLACEHOLDER = "Drop a dermatoscopic photo here\nor click to choose one"
ADD_FILES = "Add files"
# in place of gradio's own texts
DROP_PHOTOS, OR, CLICK_TO_CHOOSE = "Drop photos here", "or", "Click to choose"
CLICK_TO_PASTE, START_CAMERA = "Click to paste", "Click to start the camera"
PATIENT_IS_OPTIONAL = "Age and sex are optional: they can raise suspicion, never lower it."
CHOSEN_PHOTO = "The chosen photo"
PREVALENCE = "Of 100 lesions that you see, how many are malignant?"
EXAMPLES = "Drawings to try"
EXAMPLE_NAMES = ("Pigment network", "Globules", "Irregular patchy", "Red lacunae")
LOADING = "Loading …"
EXPLAIN = "About: {about}"

REPORT_TITLE = "Report"
REPORT_INTRO = "All fields are optional. The report prints them; the networks do not see them."
REPORT_SITE = "Site of the lesion"
REPORT_DIAGNOSIS, REPORT_NOTES = "Your own diagnosis", "Notes"
REPORT_TOO_EARLY = "The full answer is not ready yet: make the report once it is."
REPORT_MAKE = "Make PDF, JSON and CSV"
REPORT_PDF, REPORT_JSON, REPORT_CSV = "PDF, one page", "JSON, all numbers", "CSV, one row"
REPORT_NOT_STORED = "The server stored nothing."

CORRECTIONS_TITLE = "Corrections"
CORRECTIONS_INTRO = (
    "The networks were trained on uncorrected photos: a correction can make an answer worse. The "
    "result above remains that of the original."
)
CORRECTIONS = {
    "gamma": "Brighten",
    "illumination": "Even lighting",
    "colour constancy": "Neutral colours",
    "field of view": "Crop to field of view",
}
CORRECTION = "Compare with a corrected copy"
ORIGINAL, CORRECTED = "Original", "Corrected: {name}"
UNCHANGED = "This correction changes nothing about this photo."
CROP_DRAWN = "The white frame shows the crop."
FROM_COPY = (
    "The photo has more than {megapixels} million pixels, so both answers come from a smaller copy. "
    "They can differ slightly from the result above."
)
COMPARED = ("", "Original", "Corrected")
COMPARED_ROWS = (
    "Outcome",
    "First",
    "Second",
    "Third",
    "Malignant",
    "To check",
)
NOTHING_TO_CHECK = "no fault of the photo found"
CAUSED = "The correction itself caused this finding: {names}."
NO_OUTCOME = "none: these weights contain no thresholds"
CORRECTING = "Analysing both …"
