"""How the page looks: system fonts only, so that nothing is loaded from another host."""

from gradio.themes import Base, Default

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


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
