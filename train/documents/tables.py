"""Markdown tables of documents that are not templates yet, and the scores that the model card shows."""

from typing import Any


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def most_views(scores: dict[str, Any]) -> dict[str, Any]:
    """The scores of the largest number of views among `views_1`, `views_8`, ...; empty for none."""
    views = [int(key.removeprefix("views_")) for key in scores if key.startswith("views_")]
    return scores[f"views_{max(views)}"] if views else {}
