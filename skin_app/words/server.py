"""What the server says where it cannot take a request, and when it ends."""

from skin_app.words.language import Plural

STOPPING = "The server is about to stop and accepts nothing new: try again in a minute."
DISK_FULL = "The server's disk is full, so the photo was not accepted: try again later."
TOO_MANY_OPEN = "The server has too many open connections: try again in a moment."
FINISHING = Plural(
    "Stopping: waits some seconds for {count} request under way; interrupt again to stop at once.",
    "Stopping: waits some seconds for {count} requests under way; interrupt again to stop at once.",
)
BROKEN_OFF = Plural(
    "{count} request was broken off: it had not ended in time.",
    "{count} requests were broken off: they had not ended in time.",
)
