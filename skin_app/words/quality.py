"""What to do about each fault of a photo or its file."""

ADVICE: dict[str, str] = {
    "small": (
        "The photo is too small: use the original file of the camera, not a preview or a thumbnail."
    ),
    "blurred": ("The photo is blurred: hold the dermatoscope still, wait for focus and take it again."),
    "dark": (
        "The skin is darker than in nearly all training images: if there was little light, expose "
        "longer and take it again."
    ),
    "bright": "The photo is too bright: expose shorter and take it again.",
    "clipped": (
        "Colours are lost where the photo is at its brightest: expose shorter or turn the flash down "
        "and take it again."
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
