"""Sentences of the About tab."""

from skin_app.words.language import Plural

WHAT_IT_IS = "What this is, and what it is not"
PURPOSE = """
<ul>
<li>A research demo that ranks seven diagnoses for one dermatoscopic photo. It is not a medical
device.</li>
<li>It is not for diagnosis, not for treatment decisions, and not for photos taken without a
dermatoscope.</li>
<li>It was trained only on patients of HAM10000 (Austria and Australia, almost only light skin).</li>
</ul>
"""
CARD = "Model card of these weights"
CARD_COLUMNS = ("What", "Value")
NAME, SOURCE, REVISION = "Weights", "Where they come from", "Fingerprint (SHA-256 of ensemble.json)"
SOURCES = {"embedded": "embedded in this program", "local folder": "a local folder"}
MEMBERS = "Networks"
MEMBERS_ARE = Plural(
    "{count} network, {architecture} at {size} pixels",
    "{count} networks, {architecture} at {size} pixels",
)
STORED = {"float16": "stored as 16-bit numbers", "int8": "stored as 8-bit integers with scale factors"}
MEMBERS_ONLY = Plural("{count} network", "{count} networks")
RECIPE, RECIPE_IS = "Training", "recipe {name}, folds {folds} of {of}, random seed {seed}"
RECIPE_NAME = "recipe {name}, random seed {seed}"
START = "Initial weights"
EPOCHS, EPOCH = "Epochs kept", "fold {fold}: epoch {kept} of {ran}"
DATA = "Trained on"
DATA_IS = "HAM10000: {images} dermatoscopic images of {lesions} lesions"
FINGERPRINT = "Fingerprint of the data"
NOT_STATED = "not stated"
CALIBRATED_ON_IMAGES = "{images} images of {lesions} lesions, by networks that were not trained on them"
CALIBRATED_ON, TEMPERATURES = "Probabilities calibrated on", "Temperatures"
TEMPERATURE = "{temperature} for {views}"
TRUST = "Thresholds and limits of the checks"
TRUST_THERE, TRUST_MISSING = "fitted", "none: run python -m train audit on these weights"
CODE, VERSIONS = "Program that trained them (git revision)", "Versions"
LICENCES = "Licences"
LICENCE_COLUMNS = ("What", "Licence")
WEIGHTS_LICENCE = "Weights"
DATA_LICENCE = (
    "Data: P. Tschandl, C. Rosendahl, H. Kittler, The HAM10000 dataset, Scientific Data 5, "
    "180161 (2018)"
)
PROGRAM = "This program"
LICENCE_NAMES = {"program": "Apache 2.0", "data": "CC BY-NC 4.0"}
NO_IMAGES = (
    "The weights hold no image of HAM10000, only numbers computed from the images and public facts."
)
SMALL_IMAGES = "The weights also hold small copies of HAM10000's images, under the licence of the data."
START_LICENCE, UNKNOWN_LICENCE = "Initial weights {name}", "unknown, ask the author"
PRIVACY = "What happens to your photo"
