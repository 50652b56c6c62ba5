"""What is wrong with a call of the machine API."""

NO_FILE = "Pass each photo as an uploaded file: in the Python client, as handle_file(path)."
NO_UPLOAD = "The path does not lead to an uploaded file, or it was deleted: upload the photo again."
WRONG_VIEWS = "The number of views must be 1 or {most}."
NO_PHOTOS = "There is no photo to score: pass at least one."
TOO_MANY = "There are {count} photos: send at most {limit} in one call."
OTHER_LENGTH = "Pass ages and sexes as lists with one value per photo, null where it is not stated."
TOO_LARGE = "The photos have more than {limit} MB together: send fewer in one call."
