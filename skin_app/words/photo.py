"""Why a file is refused as a photo, and what to do about each fault of a photo."""

OTHER_PICTURE = "This is a {name} image, which is not read here: export the photo as JPEG or PNG."
UNKNOWN = (
    "This is not a JPEG, PNG, WebP, HEIC, AVIF, TIFF or BMP image: export the photo as JPEG or PNG."
)
REFUSED = {
    "GIF": "This is a GIF: save the one frame that you mean as JPEG or PNG.",
    "DICOM": "This is a DICOM file: export the photo from the image archive as JPEG or PNG.",
    "JPEG 2000": OTHER_PICTURE,
    "JPEG XL": OTHER_PICTURE,
    "JPEG XR": OTHER_PICTURE,
    "SVG": "This is a drawing (SVG), not a photo: choose the photo itself.",
    "raw": "This is the raw file of a camera: develop it and export it as JPEG or PNG.",
    "layers": "This is a file of Photoshop or GIMP with its layers: export the photo as JPEG or PNG.",
    "PDF": "This is a PDF: take the photo out of it and save it as JPEG or PNG.",
    "video": "This is a video: save one sharp frame as JPEG or PNG.",
    "archive": "This is an archive or an Office document: take the photos out of it and choose those.",
    "HTML": "This is a web page, not a photo: download the photo itself.",
    "AppleDouble": "This file holds only macOS metadata: choose the one of the same name without “._”.",
}

# By whether a folder holds other files, and whether some of its folders cannot be read.
NO_SUCH_FILE = "There is no such file: check the path."
UNREADABLE = "The file cannot be read ({reason}): check its permissions."
NO_IMAGES = {
    (False, False): "{folder} holds no images, and no other files: check the folder.",
    (True, False): "{folder} holds no images, only other files ({count}: {names}): check the folder.",
    (False, True): (
        "{folder} holds no images, and no other files, and these folders cannot be read: {closed}: "
        "check the folder."
    ),
    (True, True): (
        "{folder} holds no images, only other files ({count}: {names}), and these folders cannot be "
        "read: {closed}: check the folder."
    ),
}

# `skin_app.quality` finds these faults.
ADVICE: dict[str, str] = {
    "small": (
        "The photo is too small: use the original file of the camera, not a preview or a thumbnail."
    ),
    "blurred": "The photo is blurred: hold the dermatoscope still, wait for focus and take it again.",
    "dark": (
        "The skin is darker than in nearly all training images: if there was little light, increase "
        "the exposure and take it again."
    ),
    "bright": "The photo is too bright: reduce the exposure and take it again.",
    "clipped": (
        "The brightest parts of the photo are overexposed: reduce the exposure or the flash and take "
        "it again."
    ),
    "dark_corners": (
        "The dermatoscope's black surround is in the photo: zoom in, or crop to the bright circle."
    ),
    "small_lesion": (
        "The lesion is very small in the photo: go closer, or crop to it with skin on all sides."
    ),
    "cut_off": (
        "The lesion is cut off by the edge: move back until skin shows on all sides and take it again."
    ),
    "off_centre": "The lesion is far from the centre: point at its middle and take it again.",
    "greenish": (
        "The skin looks greener than in nearly all training images: set the white balance and take it "
        "again."
    ),
    "reddish": (
        "The skin looks redder than in nearly all training images: set the white balance and take it "
        "again."
    ),
    "bluish": (
        "The skin looks bluer than in nearly all training images: set the white balance and take it "
        "again."
    ),
    "yellowish": (
        "The skin looks yellower than in nearly all training images: set the white balance and take it "
        "again."
    ),
    "damaged_file": "Part of this photo is damaged: copy it again from the camera.",
    "unknown_profile": (
        "The photo's colour profile is broken, unknown or missing, so its colours may be off: export "
        "it as sRGB and try that."
    ),
}
