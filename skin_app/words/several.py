"""The sentences of the "Several photos" tab in English."""

from skin_app.words.language import Plural

ANGLES_TAB, BATCH_TAB = "One lesion", "Many lesions"
ANGLES_INTRO = "{least} to {most} photos of one lesion, for example from different angles."
ANGLES_MEANING = (
    "The answers to the photos are averaged, and you see where they disagree. You can also open the "
    "result of each photo. Each file is deleted from the server as soon as it is read."
)
BATCH_INTRO = "Up to {most} photos of different lesions, one photo each."
BATCH_MEANING = (
    "You get a table that you can sort, filter and export. Each row opens the whole result of its "
    "photo. Each file is deleted from the server as soon as it is read."
)
ANGLES_FILES = "Photos of one lesion ({least} to {most})"
BATCH_FILES = "Photos of many lesions (up to {most})"
ANGLES_START, BATCH_START = "Average the photos", "Analyse all photos"
CANCEL = "Stop"
PATIENT = "Age and sex (optional)"

HELD = Plural(
    "One photo is ready. It is deleted if you do not start within {minutes} minutes.",
    "{count} photos are ready. They are deleted if you do not start within {minutes} minutes.",
)
NOTHING_CHOSEN = "There are no photos to analyse: choose some first."
TOO_MANY = (
    "You chose {count} photos; the limit is {most}. Nothing was analysed or deleted. Remove some from "
    "the list above and start again; analyse the others afterwards."
)
ANGLES_TOO_MANY = (
    "You chose {count} photos; one lesion takes {least} to {most}. Nothing was analysed or deleted. "
    "Remove some from the list above, or go to the tab “Many lesions”."
)
ANGLES_TOO_FEW = "One lesion needs at least {least} photos: add one, and start again."

STARTING = "Reading the photos …"
RUNNING = "{done} of {total} photos are done; {left}."
MINUTES_LEFT = "about {count} minutes left"
SECONDS_LEFT = "about {count} seconds left"
MOMENTS_LEFT = "a few seconds left"
STOPPING = "Stopping after the current photos …"
DONE = Plural("The photo is done.", "All {count} photos are done.")
DONE_BOTH = "Both photos are done."
DONE_WITH_ERRORS = Plural(
    "{done} of {total} photos are done; {count} could not be used: its row says why.",
    "{done} of {total} photos are done; {count} could not be used: their rows say why.",
)
STOPPED = (
    "Stopped: {done} of {total} photos are done and shown below. The other files are deleted from the "
    "server."
)
FAULT = (
    "The analysis stopped because of a fault in this program. {done} of {total} photos are done and "
    "shown below; the other files are deleted. The program's log describes the fault."
)
NO_LONGER_HELD = "These results are no longer held in memory: choose the photos again."

RESULTS = "Results"
RESULTS_MEANING = (
    "Probabilities are calibrated, with the class frequencies of HAM10000. A low malignant "
    "probability does not rule out malignancy. Choose a column title to sort, an outcome to filter, "
    "or a photo to open its result below."
)
COLUMNS = ("Photo", "Outcome", "First diagnosis", "Malignant", "To check")
# most suspicious first
OUTCOMES: dict[str, str] = {
    "suspicious": "Suspicious",
    "not dermatoscopic, suspicious": "Unlike the training images, but suspicious",
    "uncertain": "Uncertain",
    "not dermatoscopic, uncertain": "Unlike the training images; malignancy not ruled out",
    "not dermatoscopic": "Unlike the training images",
    "not suspicious": "Not suspicious",
}
NO_OUTCOME = "No outcome: these weights contain no thresholds"
UNREADABLE = "Could not be used"
NO_FINDING = "no fault of the photo found"
NOT_CHECKED = "not checked"
COUNTED = "{count}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}{what}"
ON_THE_CPU = Plural(
    "The memory of the GPU was full for {count} photo: the CPU computed its answer.",
    "The memory of the GPU was full for {count} photos: the CPU computed their answers.",
)
OPEN = "open the result of {file}"
PROGRESS = "Photos done"
FILTER = "Show only these outcomes"
FILTERED = "{what} ({count})"
SHOWN = "{shown} of {total} photos are listed."
EXPORT_SHOWN, EXPORT_ALL = "Export these rows (CSV)", "Export all rows (CSV)"
EXPORT_NAME = "skin-app-results.csv"

JOINT = "The photos together"
JOINT_OF = "Average of {count} photos of one lesion."
JOINT_MEANING = (
    "The average is the geometric mean of the calibrated probabilities, with the class frequencies of "
    "HAM10000. Where photos disagree, it can lie far below the arithmetic mean. The range covers the "
    "single photos."
)
JOINT_OF_ONE = "Only one of the photos could be used, so this is its own answer."
JOINT_OF_REFUSED = (
    "All photos are unlike the training images. Their average names a diagnosis all the same: "
    "do not rely on it."
)
JOINT_LIMITS = (
    "The thresholds were fitted on single photos, with {views} views each. They were not tested on "
    "averages."
)
LEFT_OUT = "Left out of the average, because unlike the training images: {files}."
ONE_NOT_CLEARED = Plural(
    "One photo alone is more suspicious than this average, which is no all-clear.",
    "{count} photos alone are more suspicious than this average, which is no all-clear.",
)
SAME_FIRST = "Each photo on its own has the same first diagnosis."
OTHER_FIRST = "The photos disagree on the first diagnosis: {counts}."
SAME_OUTCOME = "Each photo on its own has the same outcome."
OTHER_OUTCOME = "The photos disagree on the outcome: {counts}."
AGREEMENT = "The photos agree"
DISAGREEMENT = "The photos disagree"
JOINT_COLUMNS = ("Diagnosis", "Average", "Range")
RANGE = "{least} to {greatest}"
JOINT_MALIGNANT = "Malignant: {share}; single photos {range}"
ANGLES_LEFT = Plural(
    "An average needs {least} usable photos, and there is {count}: add others.",
    "An average needs {least} usable photos, and there are {count}: add others.",
)
SAME_PICTURE = "{file} is the same picture as {other}: it counts once."
