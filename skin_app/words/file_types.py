"""Why a file is refused that is no photo, or of a type that is not read."""

OTHER_PICTURE = "This is a {kind} image, which is not read here: export the photo as JPEG or PNG."
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
