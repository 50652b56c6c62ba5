"""Sentences on pictures from the ISIC Archive: what is asked, what is shown, and why there is none."""

SHOW = "Show pictures from the ISIC Archive"
WHAT_IS_SENT = (
    "This server then asks the ISIC Archive for the pictures of the lesions listed here, by their "
    "ids. Nothing of your photo is sent. The choice holds until you close or reload the page. The "
    "server keeps the pictures for later visitors."
)
FETCHING = "Fetching pictures from the ISIC Archive …"
ATTRIBUTION = "Picture: {attribution}. Licence: {licence}."
BY = "{licence}, {attribution}"

UNREACHED = "The ISIC Archive cannot be reached: try again later, or tell the operator of this server."
SLOW = "The ISIC Archive did not answer in time: try again later."
BUSY = "The ISIC Archive had too many requests: try again in {seconds} seconds."
FAULT = "The ISIC Archive has a fault of its own ({status}): try again later."
REFUSED = "The ISIC Archive refuses pictures ({status}): use the links to it."
MISSING = "The ISIC Archive no longer has the picture {image_id}."
CHANGED = "The ISIC Archive answered in an unknown form: use the links to it, or update this program."
ELSEWHERE = "A picture lies on a host that is not the ISIC Archive's: it was not fetched."
TOO_LARGE = "A file of the ISIC Archive has more than {limit} MB: it was not fetched."
NO_IMAGE = "The ISIC Archive sent a file that is no intact picture: it was not used."

REAL_LESIONS = "Real lesions that the networks saw in training"
TRAINING_IMAGES = (
    "Three lesions of HAM10000, confirmed by histopathology. Because the networks saw them in "
    "training, their answers here say nothing about new photos."
)
FETCHING_EXAMPLE = "Fetching the picture from the ISIC Archive …"
CANNOT_KEEP = (
    "Pictures cannot be kept in {folder} ({reason}): set SKIN_APP_CACHE to a folder that you may write "
    "to, with free space."
)
