"""The sentences of the "Several photos" tab in English."""

from skin_app.words.language import Plural

ANGLES_TAB, BATCH_TAB = "One lesion", "Many lesions"
ANGLES_INTRO = (
    "{least} to {most} photos of the same lesion, for example from other angles. Their answers "
    "are averaged, and you see where they disagree."
)
BATCH_INTRO = (
    "Up to {most} photos of different lesions, one each. You get a table, most probably "
    "malignant first, and can open each result."
)
ANGLES_FILES = "Photos of one lesion ({least} to {most})"
BATCH_FILES = "Photos of many lesions (up to {most})"
ANGLES_START, BATCH_START = "Average the photos", "Analyse all photos"
CANCEL = "Stop"

IDLE = "No photos yet: choose some."
HELD = Plural(
    "One photo is here. It is deleted if you do not start within {minutes} minutes.",
    "{count} photos are here. They are deleted if you do not start within {minutes} minutes.",
)
NOTHING_CHOSEN = "There are no photos to analyse: choose some first."
TOO_MANY = (
    "These are {count} photos, more than the {most} of one go. Nothing was analysed or deleted: take "
    "some out of the list above, start again, and choose the others after that."
)
ANGLES_TOO_MANY = (
    "These are {count} photos, and one lesion takes {least} to {most}. Nothing was analysed or "
    "deleted: take some out of the list above, or go to the tab for many lesions."
)
ANGLES_TOO_FEW = "One lesion takes {least} photos or more: add one, and start again."

STARTING = "Reading the photos …"
RUNNING = "{done} of {total} photos are done; {left}."
MINUTES_LEFT = "about {count} minutes left"
SECONDS_LEFT = "about {count} seconds left"
MOMENTS_LEFT = "a few seconds left"
STOPPING = "Stopping after the photos at hand …"
DONE = Plural("The photo is done.", "All {count} photos are done.")
DONE_WITH_ERRORS = Plural(
    "{done} of {total} photos are done; {count} could not be used: its row says why.",
    "{done} of {total} photos are done; {count} could not be used: their rows say why.",
)
STOPPED = (
    "Stopped: {done} of {total} photos are done and shown below. The other files are deleted from the "
    "server."
)
FAULT = (
    "The analysis stopped because of a fault in this program: {done} of {total} photos are done and "
    "shown below, the other files are deleted. The fault is in the program's log."
)
NO_LONGER_HELD = "These results are no longer held in memory: choose the photos again."

MOST_SUSPECT_SO_FAR = "Most probably malignant so far"
RESULTS = "Results, most probably malignant first"
GALLERY = "All photos, in the same order"
COLUMNS = ("Photo", "Outcome", "First diagnosis", "Malignant", "To check")
OUTCOMES: dict[str, str] = {
    "suspicious": "Suspicious",
    "not suspicious": "Not suspicious",
    "uncertain": "Uncertain",
    "not dermatoscopic": "Unlike the training images",
    "not dermatoscopic, suspicious": "Unlike the training images, but suspicious",
    "not dermatoscopic, uncertain": "Unlike the training images; malignancy not ruled out",
}
NO_OUTCOME = "No outcome: these weights have no limits to judge by"
UNREADABLE = "Could not be used"
NO_FINDING = "nothing found"
NOT_CHECKED = "not checked"
COUNTED_CHECKS = "{count}: {names}"
COUNTED = "{count} × {what}"
OPENED = "{place}. {file}"
OPEN = "open the result of {file}"
PICTURE = "Photo {place}, {file}: {outcome}, malignant {share}"
PROGRESS = "Photos done"
DOWNLOAD = "Download the table (CSV)"
DOWNLOAD_NAME = "skin-app-results.csv"
TABLE_NOTE = (
    "Calibrated probabilities with the class frequencies of HAM10000. A low place in this table "
    "is no all-clear. Choose a photo to see its whole result below."
)

JOINT = "The photos together"
JOINT_OF = (
    "Average of {count} photos of one lesion (geometric mean: where the photos disagree, it can "
    "lie far below the arithmetic mean)."
)
JOINT_OF_ONE = "Only one of the photos could be used, so this is its own answer."
JOINT_OF_REFUSED = (
    "All photos are unlike the training images. Their average names a diagnosis all the same: "
    "do not rely on it."
)
JOINT_LIMITS = (
    "This outcome uses limits that were fitted on single photos of {views} views. How well they "
    "work for averages was not measured."
)
LEFT_OUT = "Left out of the average, because unlike the training images: {files}."
UNUSABLE = "Could not be used: {file}. {reason}"
SAME_FIRST = "Each photo on its own has the same first diagnosis."
OTHER_FIRST = "The photos disagree on the first diagnosis: {counts}."
SAME_OUTCOME = "Each photo on its own has the same outcome."
OTHER_OUTCOME = "The photos disagree on the outcome: {counts}."
AGREEMENT = "The photos agree"
DISAGREEMENT = "The photos disagree"
JOINT_COLUMNS = ("Diagnosis", "Average", "Range of single photos")
JOINT_CAPTION = (
    "Average of the photos (calibrated, with the class frequencies of HAM10000), and the range "
    "of the single photos"
)
RANGE = "{least} to {greatest}"
JOINT_MALIGNANT = "Malignant: {share}; single photos {least} to {greatest}"
EACH_PHOTO = "Each photo on its own"
ANGLES_LEFT = Plural(
    "An average takes {least} photos that can be used, and there is {count}: add others.",
    "An average takes {least} photos that can be used, and there are {count}: add others.",
)
SAME_PICTURE = "{file} is the same picture as {other}: it counts once."
