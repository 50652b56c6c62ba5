"""Sentences of the Evidence tab. What the weights themselves say in English is listed here, too."""

# How the weights name what they measured -> how the page says it.
MEASURED = {
    "malignant among those called suspicious": (
        "Malignant among those called suspicious, before disagreement was asked"
    ),
    "benign among those called not suspicious": (
        "Benign among those called not suspicious, before disagreement was asked"
    ),
    "melanomas that end in not suspicious": (
        "Melanomas that end in not suspicious, before disagreement was asked"
    ),
    "malignant images called suspicious": (
        "Malignant images called suspicious, before disagreement was asked"
    ),
    "answers that are uncertain": "Answers that are uncertain, before disagreement was asked",
    "coverage of the 90 % sets": "Images whose 90&nbsp;% set holds their diagnosis",
    "diagnoses in a 90 % set": "Diagnoses in a 90&nbsp;% set, on average",
    "dermatoscopic images refused": "Dermatoscopic images refused, wrongly",
    "ordinary photographs refused (by all members, 1 view)": (
        "Ordinary photographs refused, rightly (all members, 1 view)"
    ),
    "clinical skin photos refused (by all members, 1 view)": (
        "Skin photos taken without a dermatoscope refused, rightly (all members, 1 view)"
    ),
    "HAM10000 images with a quality finding": "Images with a finding about the photo's quality",
    "heat on the lesion": "Heat of the first diagnosis that lies on the lesion",
    "area of the lesion": "Area of the lesion on the square",
    "first diagnoses changed by painted dark hair (1 view)": (
        "First diagnoses that painted dark hair changes (1 view)"
    ),
    "first diagnoses changed by painted dark corners (1 view)": (
        "First diagnoses that painted dark corners change (1 view)"
    ),
    "first diagnoses changed by mirroring the photo (1 view)": (
        "First diagnoses that mirroring the photo changes (1 view)"
    ),
    "insertion less deletion, our map less a spot in the middle": (
        "How much better the heat map finds what the score depends on than a spot in the middle "
        "does (insertion less deletion; 0: no better)"
    ),
}
# Sentences that the weights hold: how their images were split, predicted and calibrated.
FROM_THE_WEIGHTS = (
    "lesion-grouped, stratified, out of fold",
    "one member an image: the one that was not trained on its lesion",
    "2 members an image, averaged: those that were not trained on its lesion",
    "the other folds",
    "the other 4 of 5 lesion-grouped parts of the predicted images",
)
NOT_MEASURED = "not measured"
INTERVAL = '{value} <span class="interval">({low} to {high})</span>'

INSIDE = "Scores inside HAM10000"
NO_SCORES = (
    "No scores were measured for these weights, so there are no tables, no confusions and no "
    "known failures with numbers here."
)
ORIGIN = "{images} images of {lesions} lesions, {views} views an image."
ORIGIN_PARTS = {
    "split": "How they were split: {text}.",
    "predicted_by": "Who predicted them: {text}.",
    "calibration_of": "What their calibration was fitted on: {text}.",
}
NOT_THE_AVERAGE = (
    "The page answers with the average of {members} networks. That average cannot be measured "
    "here, because together they have learnt from all of these images: what averaging all of "
    "them adds is not in these numbers."
)
EPOCH_CHOSEN = (
    "Training was stopped by a look at the same images that are scored here, and settings of our "
    "recipe were chosen with looks at some of them, so the scores are a little too good."
)
RULES = {"calibrated": "By probability", "prior_adjusted": "As if all seven were equally common"}
SCORE_COLUMN = "Score (95&nbsp;% interval)"
SHARES = {
    "accuracy": "Right at first place (accuracy)",
    "top_2": "Right among the first two",
    "top_3": "Right among the first three",
    "balanced_accuracy": "Balanced accuracy (mean over the seven diagnoses)",
    "specificity_at_95_sensitivity": (
        "Benign images cleared where 95&nbsp;% of the malignant are found (specificity)"
    ),
    "expected_calibration_error": "Mean gap between probability and share right (calibration error)",
}
AREAS = {
    "macro_auc": "Area under the ROC curve, mean over the diagnoses",
    "malignant_auc": "Area under the ROC curve, malignant against benign",
}
OUTSIDE = "Outside HAM10000"
OUTSIDE_NOTE = (
    "<strong>Nothing was measured outside HAM10000 for these weights.</strong> Published systems "
    "of this kind lose {least} to {most} percentage points in other clinics, with other cameras "
    "and on other skin. Expect no less here."
)
BY_DIAGNOSIS = "By diagnosis"
BY_DIAGNOSIS_COLUMNS = (
    "Diagnosis",
    "Images",
    "Found, by probability",
    "Found, if all were equally common",
    "Right when named, by probability",
    "Area under the ROC curve",
)
TRUST = "How far to trust one answer"
NO_TRUST = (
    "These weights carry no limits to judge an answer by, so nothing of that was measured: run "
    "python -m train audit on them."
)
NOTHING_MEASURED = "The weights carry limits to judge an answer by, but no measurement of them."
TRUST_CAPTION = (
    "Measured on HAM10000 images, each by only those networks that had not learnt from it (the "
    "pictures to refuse: by all together), by limits that were fitted on other lesions; docs/trust.md "
    "says how, and what was chosen after a look at them"
)
TRUST_COLUMNS = ("What", "Measured (95&nbsp;% interval)", "Images")

NO_PREDICTIONS = (
    "These weights keep no predictions image by image, so there are no curves for reliability and ROC."
)
SHIPPED = "Drawn with the shipped calibration, which was fitted on these very images."
AS_A_TABLE = "The same as a table"
RELIABILITY = "Do the probabilities mean what they say?"
RELIABILITY_NOTE = (
    "Of the answers whose first diagnosis has about the same probability, how many are right? On "
    "the dotted line the two are equal. Their mean gap is {shipped} for what is drawn, and "
    "{nested} where calibrations were fitted on other lesions."
)
RELIABILITY_ALONE = (
    "Of the answers whose first diagnosis has about the same probability, how many are right? On "
    "the dotted line the two are equal. Their mean gap is {shipped} for what is drawn; with "
    "calibrations of other lesions it was not measured."
)
RELIABILITY_ALT = "Reliability diagram: share that is right by the probability of the first diagnosis"
RELIABILITY_AXES = ("Probability of the first diagnosis", "Share that is right", "Images")
RELIABILITY_COLUMNS = ("Probability between", "Images", "Mean probability", "Share right")
BETWEEN = "{low} and {high}&nbsp;%"
ROC = "How well are the diagnoses told apart?"
ROC_NOTE = (
    "A curve shows what each line through the probabilities would find (upwards) and what it "
    "would call wrongly (to the right). The area under it is 1 for a perfect order and 0.5 for "
    "chance."
)
ROC_AXES = ("Benign called malignant", "Malignant found (sensitivity)")
ROC_CLASS_AXES = ("Other diagnoses called this", "Found (sensitivity)")
ROC_MALIGNANT = "Malignant against benign"
ROC_MALIGNANT_ALT = "ROC curve of malignant against benign, with the page's operating points"
ROC_CLASSES = "Each diagnosis against the other six"
ROC_CLASSES_ALT = "ROC curves of the seven diagnoses, each against the other six"
ROC_AREA = "Area under the curve by calibrations of other lesions: {area}."
ROC_AREAS_ABOVE = "Their areas are in the table by diagnosis above."
POINTS_DRAWN = "Dots: the operating points, as measured on lesions that they were not fitted on."
POINT_COLUMNS = ("Made to find", "Sensitivity", "Specificity")
POINT = "{share} of the malignant"

CONFUSION = "What is taken for what?"
CONFUSION_CAPTION = (
    "Each row: the images of one diagnosis, and in which column they ended at first place. Share "
    "of the row, and number of images. Calibrated on other lesions."
)
CONFUSION_CORNER = "True, named as"
CONFUSION_RULE = "{rule}: the whole table"
PAIRS = "Leading confused pairs"
PAIRS_CAPTION = "The most frequent mistakes, by probability"
PAIR_COLUMNS = ("True diagnosis", "Named instead", "Images", "Of all with the true diagnosis")

COHORT = "Who the data represents"
COHORT_NOTE = (
    "HAM10000 (Tschandl et al. 2018): {images} images of {lesions} lesions, from a university "
    "clinic in Austria and a practice in Australia. The scores speak for patients and lesions "
    "like these."
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
TONE = "Skin tone, as the pictures show it"
TONE_NAMES = ("very light", "light", "intermediate", "tan", "brown", "dark")
TONE_NOTE = (
    "{share} of the images in which the skin's tone could be estimated are of light or very light "
    "skin. In {unknown} images it could not. The estimate is one of the picture: lighting and "
    "camera shift it."
)
TONE_SCARCE = "Fewer than {least} lesions, so the scores do not speak for them: {bands}."
NO_TONE = "The skin's tone was not estimated for these weights."

MAP = "Map of lesions that the first network had not seen"
NO_MAP = "These weights hold no map of lesions: run python -m train map on them."
MAP_ALT = "Map of {images} dermatoscopic images, each a small sign for its diagnosis"
MAP_NOTE = (
    "{images} images that the first network was not trained on, arranged so that those that look "
    "alike to it lie together (t-SNE). Only nearness means something: not the axes, not the size "
    "of a group, not the distance between groups."
)
MAP_AGREEMENT = (
    "Of the {neighbours} nearest images of an image on it (one of each lesion), {share} have its "
    "own diagnosis on average, {classes} when all diagnoses count alike; by chance it would be "
    "{chance}."
)
MAP_PLACING = (
    "The photo is placed between its {neighbours} nearest images; t-SNE itself cannot place new "
    "photos. Images of the map that were placed so, as if they were new, missed their own place "
    "by {share} of the distance between any two images (medians). A new photo will miss by more."
)
MAP_EMPTY = "Once a photo was analysed, its place is marked here."
MAP_HERE = "Photo of the tab One photo"
MAP_NEIGHBOURS = "The nearest images to this photo, of {count} lesions:"
MAP_NEIGHBOUR = "{number} {name}"
MAP_NOVEL = (
    "This photo is not like the dermatoscopic images that the networks learnt from, so its place "
    "and its neighbours mean little."
)

FAILURES = "Known failures"
FAILURES_NOTE = "Shares: measured as above (95&nbsp;% interval)."
OUTSIDE_UNKNOWN = "How these weights do in another clinic is not known: nothing was measured there."
CLEARED = (
    "{share} of the melanoma images end in “not suspicious”, as measured before disagreement was asked."
)
MELANOMA_FIRST = (
    "Melanoma is in first place for {share} of the melanoma images; most often {other} is put "
    "there instead ({images} images)."
)
UNCERTAIN = (
    "{share} of the answers are “uncertain”, as measured before disagreement was asked, which can only "
    "make more of them so. That is no all-clear."
)
SUSPICIOUS = (
    "{share} of the malignant images are called suspicious outright, as measured before disagreement "
    "was asked: the others end as uncertain or as not suspicious."
)
RARE = (
    "Rare diagnoses were measured on fewer than {limit} images each, so with wide intervals: {found}."
)
RARE_ENTRY = "{name} is found for {share} of {images} images"
WEAK_MAPS = (
    "The heat maps did not find the pixels that a score depends on any better than a spot in the "
    "middle of the photo does."
)
HEAT = (
    "{share} of the first diagnosis's heat lies on the lesion, which covers {area} of the square: the "
    "rest lies on skin, hair or the edge, or on what a simple outline misses."
)
ARTEFACTS = (
    "Painted onto a photo, dark hair changes the first diagnosis of {hair}, dark corners that of "
    "{corners}; mirroring the photo, which should change nothing, that of {mirrored}."
)
FORCED = "Seven groups of pigmented lesions only: anything else is forced into one of them, or refused."
REFUSED = (
    "Of skin photos taken without a dermatoscope {refused} are refused and the others get an "
    "answer; of dermatoscopic images {wrongly} are refused wrongly."
)
SKIN = "Skin tones of which the data hold fewer than {least} lesions each: {bands}."
MISLEADS = "A faulty answer can mislead experts too: look at the lesion first, then at this page."
