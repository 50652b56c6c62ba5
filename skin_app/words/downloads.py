"""The sentences around the downloads of one photo's report."""

HEADING = "Report"
PDF, JSON, CSV = "One page (PDF)", "All numbers (JSON)", "One row for a table (CSV)"
NOTHING_STORED = "The files were made in memory and are part of this page; the server stored nothing."
GONE = "The photo of this result is no longer held in memory: choose it again to make its report."
