"""The sentences around the downloads of one photo's report."""

HEADING = "Report"
PDF, JSON, CSV = "One page (PDF)", "All numbers (JSON)", "One row for a table (CSV)"
NOTHING_STORED = (
    "The files were made in memory and are part of this page; nothing of them was stored on the "
    "server. What you state about the patient is printed and put into the JSON; the networks never see "
    "it."
)
GONE = "The photo of this result is no longer held in memory: choose it again to make its report."
