"""What the command line says, `python -m skin_app` and `python app.py`, beside errors."""

from skin_app.words.language import Plural

ERROR, WARNING, NOTE = "error: {told}", "warning: {told}", "note: {told}"
STOPPED = "stopped: what was written until then is in {partial}."
STOPPED_EARLY = "stopped: nothing was written."
PHOTOS = Plural("{count} photo", "{count} photos")
OTHER_FILES = Plural("{count} other file", "{count} other files")
ROWS = Plural("{count} row", "{count} rows")
DONE = "{scored} scored, {failed} failed, {others} skipped; written to {out}"
PATIENTS_FOUND = "{without} without a row of --patients, {strangers} without a photo."
UNREADABLE_PATIENTS = Plural(
    "the age or sex of {count} photo cannot be read: to_check says which.",
    "the age or sex of {count} photos cannot be read: to_check says which.",
)
CLOSED_FOLDER = "the folder {folder} cannot be read: photos in it have no row."
PLACE_IN_USE = (
    "{place} is being written by process {process} on {host}, since {began}: wait until it ends, or "
    "name another place to write to."
)
UNFINISHED = "{partial} holds the rows of a run that did not end, and stays."
NO_RAY = "The verb archive needs {missing}: install the extra with {command}."
ARCHIVE_DONE = (
    "{scored} scored, {failed} failed, {before} done before, {others} skipped; written to {out}"
)
ARCHIVE_STOPPED = "stopped: the same command goes on from here; finished parts are in {out}."
OTHER_WEIGHTS = (
    "{out} holds results of other weights ({before}, not {now}): name another folder, or "
    "pass those weights by --weights."
)
OTHER_PHOTOS = (
    "{out} holds results of other photos ({before} then, {now} now): name another folder, "
    "or give the same photos."
)
OTHER_PATIENTS = (
    "{out} was begun with other ages and sexes, or without any: give the same --patients, or name "
    "another folder."
)
OTHER_PARTS = (
    "{out} was begun with --photos-per-part {before}: give the same number, or name another folder."
)
OTHER_COLUMNS = (
    "{out} was begun by another version of this program, with other columns: name another folder."
)
PICTURES = Plural("{count} picture", "{count} pictures")
PICTURES_DONE = (
    "{pictures}: {before} kept before, {fetched} fetched, {missing} missing; kept in {folder}"
)
PICTURES_STOPPED = "stopped: the same command goes on from here; kept in {folder}."

STARTING = "Starting the page on {address}"
STARTING_FOR_ALL = (
    "Starting the page on {address} (other machines reach it by this one's name, port {port})"
)
READY = "The page is ready: {address} (Ctrl-C stops it)"
NO_PASSWORD_SET = (
    "other machines can connect, and no password is set: set SKIN_APP_PASSWORD, unless everybody may "
    "use the page."
)
RUNNING_ON = "The networks run on {device}."
WRONG_HOST = (
    "The page cannot listen on “{name}” ({reason}): set GRADIO_SERVER_NAME to a name or address of "
    "this machine, such as 127.0.0.1, ::1, or 0.0.0.0 to let other machines in, without http:// and "
    "without a port, which GRADIO_SERVER_PORT sets."
)
NO_HOST = (
    "The page cannot listen on “{name}” (there is no such host): set GRADIO_SERVER_NAME to a name or "
    "address of this machine, such as 127.0.0.1, ::1, or 0.0.0.0 to let other machines in, without "
    "http:// and without a port, which GRADIO_SERVER_PORT sets."
)
