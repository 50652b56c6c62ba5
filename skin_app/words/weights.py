"""Why weights cannot be used, where one sentence of several is chosen."""

OTHER_FORMAT = {
    "older": (
        "The weights in {folder} have format {found}, this program reads {wanted}: get weights made "
        "for this version."
    ),
    "newer": (
        "The weights in {folder} have format {found}, this program reads {wanted}: update the program."
    ),
}
MEMBER = (
    "The member {name} of the weights in {folder} cannot be loaded ({fault}): get the weights anew."
)
GALLERY = "The gallery of the weights in {folder} cannot be loaded ({fault}): get the weights anew."
NOVELTY = (
    "The novelty statistics of the weights in {folder} cannot be loaded ({fault}): get the weights "
    "anew."
)
LESION_MAP = "The map of the weights in {folder} cannot be loaded ({fault}): get the weights anew."
NO_DOWNLOAD = "The weights {repo} could not be downloaded. {why}"
INSTEAD = "{why} The page answers with the embedded weights instead."
