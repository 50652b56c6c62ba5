"""How the page looks: theme, styles and script; nothing is loaded from another host."""

from functools import partial
from pathlib import Path

import gradio as gr
from gradio.themes import Base, Default

FOLDER = Path(__file__).resolve().parent / "static"
SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
# gradio's own styles for HTML would draw boxes around every table cell.
Fragment = partial(gr.HTML, apply_default_css=False)


def theme() -> Base:
    """A calm theme: slate and teal, small radii, fonts of the reader's own system."""
    return Default(
        primary_hue="teal",
        secondary_hue="slate",
        neutral_hue="slate",
        radius_size="sm",
        font=SANS,
        font_mono=MONO,
    ).set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        checkbox_label_background_fill_selected="*primary_50",
        checkbox_background_color_selected="*primary_700",
        slider_color="*primary_700",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        block_label_text_color="*neutral_700",
        block_title_text_color="*neutral_800",
    )


def head() -> str:
    """The page's own styles and script, inline: nothing is loaded from elsewhere."""
    styles = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.css")))
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    return f"<style>{styles}</style><script>{script}</script>"
