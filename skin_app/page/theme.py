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
    """gradio's theme with fonts of the reader's own system; static/tokens.css sets the colours."""
    return Default(neutral_hue="slate", radius_size="md", font=SANS, font_mono=MONO)


def head() -> str:
    """The page's own styles and script, inline: nothing is loaded from elsewhere."""
    styles = "\n".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.css")))
    return f"<style>{styles}</style><script>{script()}</script>"


def script() -> str:
    """The page's own script; the security policy allows exactly this one by its hash."""
    return (FOLDER / "page.js").read_text(encoding="utf-8")
