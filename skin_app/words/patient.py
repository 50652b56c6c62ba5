"""Sentences about the patient's age and sex, on the page and in the report."""

AGE, SEX, OPTIONAL = "Age", "Sex", "optional"
SEXES: dict[str, str] = {"": "not stated", "female": "female", "male": "male"}

# What is not used, or not as stated, in a few words and as a sentence; `context.patient_notes` chooses.
PATIENT_NOTES: dict[str, str] = {
    "unreadable age": "The age cannot be read, so it is not used: state it in years, from 0 to 120.",
    "unreadable sex": "The sex cannot be read, so it is not used: state female or male.",
    "sex without age": "The sex is not used without an age: state the age, too.",
    "age outside the training data": (
        "The training data hold no patient of this age: it counts as {nearest} years."
    ),
    "no model of age and sex": "These weights have no model of age and sex, so neither is used.",
}

PHOTO_ALONE = "Photo alone"
WITH_AGE, WITH_AGE_AND_SEX = "With age", "With age and sex"
OUTCOME_RAISED = "Photo alone: {photo}. {context}: {raised}."
OUTCOME_KEPT = "{context}: the same outcome."
ONLY_RAISES = "Age and sex can raise suspicion, never lower it."
MALIGNANT_IN_CONTEXT = (
    "Malignant ({codes}): <strong>{share}</strong>. {context}: <strong>{raised}</strong>"
)
POINTS_OF_PHOTO = (
    "They were measured for the photo alone. With age and sex, the higher of both probabilities "
    "counts, which can only add to the sensitivity and take from the specificity."
)
