"""Sentences about the patient's age and sex, on the page and in the report."""

AGE, SEX = "Age", "Sex"
SEXES: dict[str, str] = {"": "not given", "female": "female", "male": "male"}

# What is not used, or not as stated, in a few words and as a sentence; `context.patient_notes` chooses.
PATIENT_NOTES: dict[str, str] = {
    "unreadable age": "The age was not understood and is not used: enter years from 0 to 120.",
    "unreadable sex": "The sex was not understood and is not used: enter female or male.",
    "sex without age": "The sex is not used without an age: enter the age, too.",
    "age outside the training data": (
        "The training data contain no patient of this age: {nearest} years is used instead."
    ),
    "no model of age and sex": "These weights have no model of age and sex, so neither is used.",
}

PHOTO_GONE = "The photo is no longer held in memory, so age and sex are not used: choose it again."
PHOTOS_GONE = "The photos are no longer held in memory, so age and sex are not used: choose them again."

# What is wrong with a table of patients.
COLUMN = {
    "missing": "{table} lacks the column {column}: it needs the columns {columns}.",
    "twice": "{table} has the column {column} twice: it needs the columns {columns}.",
}

PHOTO_ALONE = "Photo alone"
WITH_AGE, WITH_AGE_AND_SEX = "With age", "With age and sex"
OUTCOME_RAISED = "Photo alone: {photo}. {context}: {raised}."
OUTCOME_RAISED_OF_PHOTOS = "Photos alone: {photo}. {context}: {raised}."
# What age and sex change in the outcome of a photo that is unlike the training images.
RAISED_OF_REFUSED: dict[str, str] = {
    "not dermatoscopic": "nothing suspicious",
    "not dermatoscopic, uncertain": "malignancy not ruled out",
    "not dermatoscopic, suspicious": "suspicious",
}
OUTCOME_KEPT = "{context}: the same outcome."
ONLY_RAISES = "Age and sex can raise suspicion, never lower it."
MALIGNANT_IN_CONTEXT = (
    "Malignant ({codes}): <strong>{share}</strong>. {context}: <strong>{raised}</strong>"
)
POINTS_OF_PHOTO = (
    "These values were measured without age and sex. With them, the higher of the two malignant "
    "probabilities is compared with the threshold. This can only raise the sensitivity and lower the "
    "specificity."
)
