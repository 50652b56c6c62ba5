"""Sentences of the Evidence tab."""

# Of 8 views, unless it says otherwise.
MEASURED: dict[str, str] = {
    "ppv_of_suspicious": "Malignant among those called suspicious (PPV)",
    "npv_of_not_suspicious": "Benign among those called not suspicious (NPV)",
    "melanomas_not_suspicious": "Melanomas called not suspicious",
    "malignant_suspicious": "Malignant images called suspicious",
    "melanoma_sensitivity_under_40": (
        "Sensitivity for melanoma in patients under 40, at the 95 % threshold"
    ),
    "uncertain": "Uncertain answers",
    "set_coverage": "Images whose 90 % prediction set holds their diagnosis",
    "set_size": "Diagnoses in a 90 % prediction set, on average",
    "context_specificity_gain": (
        "Gain of specificity by age and sex, at 95 % sensitivity for malignant (percentage points)"
    ),
    "context_melanomas_not_suspicious": "With age and sex: melanomas called not suspicious",
    "refused_dermatoscopic": "Dermatoscopic images wrongly refused",
    "refused_ordinary": "Ordinary photographs refused (all members)",
    "refused_clinical": "Clinical skin photos, without a dermatoscope, refused (all members)",
    "with_quality_finding": "Images with a finding about the photo's quality",
    "heat_on_lesion": "Heat of the first diagnosis's map that lies on the lesion",
    "lesion_area": "Area of the lesion in the square",
    "changed_by_dark_hair": "First diagnoses changed by painted dark hair (1 view)",
    "changed_by_dark_corners": "First diagnoses changed by painted dark corners (1 view)",
    "changed_by_mirroring": "First diagnoses changed by mirroring the photo (1 view)",
    "map_above_centre": "Insertion minus deletion of the heatmap, above that of a central spot",
}
NOT_MEASURED = "not measured"
INTERVAL = '{value} <span class="interval">({low} to {high})</span>'

INSIDE = "Scores within HAM10000"
NO_SCORES = "No scores were measured for these weights."
ORIGIN = "HAM10000: {images} images of {lesions} lesions, {views} views per image."
PREDICTED = {
    "lesion": "Each image was read by a network that was not trained on its lesion.",
    "image": (
        "Each image was read by a network that was not trained on it. That network may have seen "
        "other images of the same lesion, so the scores are too good."
    ),
}
CALIBRATED_ELSEWHERE = "The calibration was fitted on other lesions."
NOT_THE_AVERAGE = (
    "These are scores of single networks. The page averages {members} networks, which together "
    "saw all of these images."
)
EPOCH_CHOSEN = (
    "The scores are slightly optimistic: early stopping and some settings used the same images."
)
RULES = {
    "calibrated": "With HAM10000's class frequencies",
    "prior_adjusted": "If all seven were equally common",
}
SCORE_COLUMN = "Score (95&nbsp;% CI)"
SHARES = {
    "accuracy": "First diagnosis correct (accuracy)",
    "top_2": "Correct diagnosis among the first two",
    "top_3": "Correct diagnosis among the first three",
    "balanced_accuracy": "Balanced accuracy (mean sensitivity of the seven diagnoses)",
    "specificity_at_95_sensitivity": "Specificity at 95&nbsp;% sensitivity for malignant lesions",
    "expected_calibration_error": "Expected calibration error",
}
AREAS = {
    "macro_auc": "Area under the ROC curve, mean over the diagnoses",
    "malignant_auc": "Area under the ROC curve, malignant vs. benign",
}
OUTSIDE = "Outside HAM10000"
OUTSIDE_NOTE = (
    "<strong>These weights were not tested outside HAM10000.</strong> Published systems lose "
    "{least} to {most} percentage points in other clinics. Expect a similar loss."
)
OUTSIDE_ORIGIN = "{images} images of {lesions} lesions, {views} views per image, all networks together."
OUTSIDE_BY_OTHERS = "Measured once by others, on images that this project never sees."
OUTSIDE_FEW = "Only these diagnoses occur, so there is no mean over all seven: {names}."
OUTSIDE_CHANGED = "<strong>Scores of earlier networks:</strong> {weights}."
OUTSIDE_PUBLISHED = (
    "Published systems lose {least} to {most} percentage points in other clinics. Expect a "
    "similar loss there."
)
PUBLISHED_CAPTION = (
    "Published scores of other systems on the same images. We did not run these systems."
)
PUBLISHED_COLUMNS = ("System", "Training images besides HAM10000", "Source")
PUBLISHED_SCORES = {
    "balanced_accuracy": "Balanced accuracy",
    "auc": "Area under the ROC curve, melanoma",
}
OFFICIAL = "Official test: {name}"
NO_OFFICIAL = "These weights were not measured on a test with published scores of other systems."
OFFICIAL_SHOWN = (
    "Balanced accuracy is {own} on {images} images: {better} of {others} published systems score "
    "higher."
)
OWN_SYSTEM = "This program"
DETAILS = "Details"
THIS_PROGRAM = {
    "calibrated": "This program, with HAM10000's class frequencies",
    "prior_adjusted": "This program, if all seven diagnoses were equally common",
}
OWN_REPORT = "our own report"
OTHER_IMAGES = {
    "private": "private",
    "public": "public",
    "none": "none",
    "not_stated": "not stated",
}
WITH_PATIENT = "{system}, with patient data"
SECOND_HAND = "{source} (not checked by us)"
NO_SOURCE = "quoted by others, original not found"
BY_DIAGNOSIS = "By diagnosis"
BY_DIAGNOSIS_COLUMNS = (
    "Diagnosis",
    "Images",
    "Sensitivity",
    "Sensitivity, if all seven were equally common",
    "Positive predictive value",
    "Area under the ROC curve",
)
TRUST = "How far to trust one answer"
NO_TRUST = "These weights contain no thresholds: run python -m train audit on them."
NOTHING_MEASURED = "It was not measured how far an answer of these weights can be trusted."
TRUST_CAPTION = "Measured on HAM10000, with networks and thresholds that were fitted on other lesions."
TRUST_COLUMNS = ("What", "Measured (95&nbsp;% CI)", "Images")

NO_PREDICTIONS = "These weights keep no predictions for single images, so this figure cannot be drawn."
SHIPPED = "Drawn with the shipped calibration, which was fitted on these images."
RELIABILITY = "Calibration"
RELIABILITY_SHOWN = (
    "Probability and share correct differ by {gap} percentage points on average: read it as a "
    "frequency."
)
RELIABILITY_POOR = (
    "Probability and share correct differ by {gap} percentage points on average: it is a rough guide."
)
RELIABILITY_READ = (
    "Dots: share correct at each probability, with 95&nbsp;% confidence intervals. Bars: number of "
    "images. Dotted line: perfect calibration."
)
RELIABILITY_NOTE = (
    "The mean gap (expected calibration error) is {shipped} as drawn, and {crossfit} with calibrations "
    "fitted on other lesions."
)
RELIABILITY_ALT = (
    "Reliability diagram: share of correct answers by the probability of the first diagnosis"
)
RELIABILITY_AXES = ("Calibrated probability", "Share correct")
RELIABILITY_COLUMNS = ("Probability between", "Images", "Mean probability", "Share correct")
BETWEEN = "{low} and {high}&nbsp;%"
ROC_AXES = ("False-positive rate (1 − specificity)", "Sensitivity")
ROC_MALIGNANT = "Malignant vs. benign"
ROC_SHOWN = (
    "At the threshold for {target} sensitivity, {alarms} of benign images are false positives: "
    "sensitivity costs specificity."
)
ROC_NO_POINTS = "The area under the curve is {area}; these weights have no thresholds."
ROC_READ = (
    "The curve shows sensitivity and false-positive rate at every threshold. The area under it is "
    "{area} (1: perfect, 0.5: chance), with calibrations fitted on other lesions."
)
THRESHOLDS = "Thresholds"
ROC_MALIGNANT_ALT = "ROC curve of malignant vs. benign, with the page's thresholds"
ROC_CLASSES = "Each diagnosis vs. the other six"
ROC_CLASSES_ALT = "ROC curves of the seven diagnoses, each vs. the other six"
POINTS_DRAWN = "Dots: the page's thresholds, measured on other lesions."
POINT_COLUMNS = ("Target sensitivity", "Sensitivity", "Specificity")

CONFUSION = "Confused diagnoses"
CONFUSION_SHOWN = "Melanoma is ranked first for {share} of melanomas. The most frequent error: {other}."
CONFUSION_PLAIN = "The first diagnosis is correct for {share} of the images: other cells are errors."
CONFUSION_CAPTION = (
    "Rows: true diagnosis. Columns: first diagnosis. Percent of the row, with calibrations fitted "
    "on other lesions."
)
CONFUSION_CORNER = "True / first"
PAIRS = "Most frequent confusions"
PAIRS_CAPTION = "First diagnosis: the most probable one, with HAM10000's class frequencies"
PAIR_COLUMNS = ("True diagnosis", "First diagnosis", "Images", "Share of the true diagnosis")

COHORT = "Who the data represent"
COHORT_NOTE = (
    "{images} images of {lesions} lesions, from a university clinic in Austria and a practice in "
    "Australia (Tschandl et al. 2018)."
)
COHORT_AXES = {
    "dx": "Diagnosis",
    "dx_type": "Diagnosis confirmed by",
    "sex": "Sex",
    "age": "Age in years",
    "localization": "Site",
}
COUNTS = ("Images", "Lesions")
CONFIRMED_BY = {
    "histo": "histopathology",
    "follow_up": "follow-up",
    "consensus": "expert consensus",
    "confocal": "confocal microscopy",
}
SEXES = ("male", "female", "unknown")
LARGE_SITES = ("back", "trunk", "abdomen", "chest", "lower extremity", "upper extremity")
SMALL_SITES = ("face", "scalp", "ear", "neck", "hand", "foot", "genital", "acral")
TONE = "Skin tone in the images"
TONE_NAMES = ("very light", "light", "intermediate", "tan", "brown", "dark")
TONE_NOTE = (
    "{share} of the images with an estimated skin tone show light or very light skin; {unknown} "
    "images have no estimate. Lighting and camera shift the estimate."
)
TONE_SCARCE = "Too few lesions for reliable scores (fewer than {least}): {bands}."
NO_TONE = "The skin tone was not estimated for these weights."

MAP = "Map of held-out lesions"
NO_MAP = "These weights hold no map of lesions: run python -m train map on them."
MAP_ALT = (
    "Map of {images} dermatoscopic images, one symbol for each. The arrow keys go from image to image."
)
MAP_FILTER = "Show only"
MAP_EXPLORE = (
    "Point at a symbol or use the arrow keys to see diagnosis, ISIC id and how it was confirmed."
)
MAP_CONFIRMED = "confirmed by {how}"
MAP_NOTE = (
    "{images} images that the first network was not trained on, arranged by similarity (t-SNE). Only "
    "proximity is meaningful."
)
MAP_AGREEMENT = (
    "On average, {share} of an image's {neighbours} nearest images (one per lesion) have its "
    "diagnosis. If each diagnosis counts equally, it is {classes}; by chance, {chance}."
)
MAP_PLACING = (
    "t-SNE cannot place new photos, so the photo lies between its {neighbours} nearest images. Images "
    "placed in this way missed their true place by {share} of the median distance. For a new photo, "
    "the error is larger."
)
MAP_EMPTY = "Analyse a photo to see its place here."
MAP_HERE = "Your photo"
MAP_NEIGHBOURS = "The {count} nearest held-out lesions:"
MAP_OTHER_LESIONS = (
    "These are other lesions than those listed under the photo: only lesions that the first network "
    "was not trained on."
)
MAP_NEIGHBOUR = "{number} {name}"
MAP_NOVEL = "This photo is unlike the training images: its place and its neighbours mean little."

FAILURES = "Known failures"
FAILURES_NOTE = "With 95&nbsp;% confidence intervals; measured as described in the next section."
OUTSIDE_UNKNOWN = "Performance in other clinics is unknown."
OUTSIDE_SELDOM = "Outside HAM10000, only these images were tested: {names}."
CLEARED = "{share} of the melanomas are called “not suspicious”."
MELANOMA_FIRST = (
    "Melanoma is ranked first for {share} of the melanomas. The most frequent error is {other} "
    "({images} images)."
)
UNDER_40 = (
    "In {images} melanoma images of patients under 40, the sensitivity is {share}, at a threshold "
    "meant for 95&nbsp;%."
)
UNCERTAIN = "{share} of the answers are “uncertain”. This is no all-clear."
SUSPICIOUS = (
    "{share} of the malignant images are called suspicious; the others are called uncertain or not "
    "suspicious."
)
RARE = "Rare diagnoses have fewer than {limit} test images each, so their intervals are wide: {found}."
RARE_ENTRY = "{name}, sensitivity {share} ({images} images)"
WEAK_MAPS = "The heatmaps found the decisive pixels no better than a spot in the middle of the photo."
HEAT = "{share} of the first diagnosis's heat lies on the lesion, which covers {area} of the square."
ARTEFACTS = (
    "Artefacts change the first diagnosis: painted dark hair in {hair} of the images, painted "
    "dark corners in {corners}. Mirroring, which should change nothing, does so in {mirrored}."
)
FORCED = (
    "The networks know only seven groups of pigmented lesions. Any other lesion gets one of these "
    "names, or its photo is refused."
)
REFUSED = (
    "{refused} of the clinical skin photos, taken without a dermatoscope, are refused as unlike the "
    "training images. {wrongly} of the dermatoscopic images are wrongly refused, and more with an "
    "unfamiliar camera."
)
SKIN = "The data contain fewer than {least} lesions on each of these skin tones: {bands}."
MISLEADS = "A wrong answer can mislead experts, too: look at the lesion first, then at this page."
