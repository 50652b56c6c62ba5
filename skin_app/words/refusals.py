"""What the server says to a browser or an API client whose request it refuses."""

NO_SUCH_PLACE = "There is nothing here: open the page at its own address."
NO_PASSWORD = "This page asks for a password: enter the one that its operator gave you."
TOO_MANY_GUESSES = (
    "Too many wrong passwords came from your address: wait a few minutes, then try again."
)
TOO_OFTEN = "Too much came from your address in a short time: wait a moment, then try again."
TOO_MANY_WAIT = "Too many requests from your address are waiting: try again when some are answered."
TOO_MANY_AT_ONCE = "Too many connections from your address are open: close some pages, then try again."
TOO_LARGE_A_REQUEST = "More was sent at once than this server accepts: send fewer photos at a time."
WRONG_VALUE = "The request holds a value of the wrong kind: compare it with the description of the API."
UNKNOWN_NAME = (
    "This page does not answer to the name {name}: open it at its own address, or ask its operator to "
    "add the name to SKIN_APP_HOSTS."
)
