"""How the page looks: system fonts only, so that nothing is loaded from another host."""

from gradio.themes import Base, Default

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

CSS = """
.gradio-container { max-width: 1180px !important; margin: 0 auto !important; }
.gradio-container .main.app { padding-top: 0; }
/* gradio clips its own wrapper, which would switch off the sticky strip */
.gradio-container.gradio-container { overflow: visible; }
.block .html-container > div { padding: 0 !important; }
#strip { position: sticky; top: 0; z-index: 40; overflow: visible; background: #7c2d12;
  border-radius: 0 0 6px 6px; }
.strip { color: #fff; font-size: .92rem; line-height: 1.4; padding: .6rem 1rem; }
.strip strong { color: #fff; }
.masthead h1 { font-size: 1.6rem; font-weight: 650; margin: .4rem 0 .15rem; line-height: 1.25; }
.masthead p, .quiet { color: var(--body-text-color-subdued); margin: 0; line-height: 1.45; }
.quiet { font-size: .88rem; }
.panel h2, .panel h3 { font-weight: 650; margin: 0 0 .35rem; line-height: 1.3; }
.panel h2 { font-size: 1.12rem; } .panel h3 { font-size: 1rem; margin-top: .9rem; }
.panel p { margin: .35rem 0; line-height: 1.5; }
.panel ol, .panel ul { margin: .3rem 0 .3rem 1.2rem; line-height: 1.55; }
.panel ol { list-style: decimal; } .panel ul { list-style: disc; }
.panel a { color: var(--link-text-color); text-decoration: underline; }
.status { border-left: 4px solid var(--color-accent); background: var(--block-background-fill);
  border-radius: 4px; padding: .6rem .85rem; line-height: 1.45; }
.status .quiet { display: block; margin-top: .15rem; overflow-wrap: anywhere; }
.status.error { border-left-color: #b91c1c; background: #fef2f2; color: #7f1d1d; }
.dark .status.error { background: #450a0a; color: #fecaca; border-left-color: #f87171; }
.status.note { border-left-color: #b45309; }
table.facts { width: 100%; border-collapse: collapse; font-size: .93rem; margin: .2rem 0; }
table.facts caption { text-align: left; color: var(--body-text-color-subdued); font-size: .85rem;
  padding-bottom: .3rem; caption-side: top; }
table.facts th { text-align: left; font-weight: 600; font-size: .82rem; vertical-align: bottom;
  color: var(--body-text-color-subdued); padding: .3rem .55rem; line-height: 1.25;
  border-bottom: 1px solid var(--border-color-primary); }
table.facts td, table.facts tbody th { padding: .42rem .55rem; vertical-align: middle;
  border-bottom: 1px solid var(--border-color-primary); color: var(--body-text-color);
  font-size: .93rem; }
table.facts tbody th { font-weight: 500; }
table.facts .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
table.facts thead .wrapped { white-space: normal; max-width: 8.5rem; }
table.facts tr > :first-child { padding-left: 0; }
table.facts tr.first th, table.facts tr.first td { font-weight: 650; }
table.facts td.quiet { color: var(--body-text-color-subdued); font-weight: 400; }
.code { font-family: var(--font-mono); font-size: .8rem; color: var(--body-text-color-subdued);
  font-weight: 400; }
.malignant { display: inline-block; font-size: .74rem; font-weight: 600; color: #991b1b;
  border: 1px solid #b91c1c; border-radius: 3px; padding: 0 .32rem; margin-left: .3rem;
  line-height: 1.35; white-space: nowrap; }
.dark .malignant { color: #fca5a5; border-color: #f87171; }
.bar { background: var(--border-color-primary); border-radius: 3px; height: .62rem; width: 100%;
  min-width: 5rem; overflow: hidden; }
.bar i { display: block; height: 100%; border-radius: 3px; }
.dark .bar i { filter: brightness(1.55); }
.total { font-size: 1rem; } .total strong { font-size: 1.1rem; }
.outcome { padding-left: .9rem !important;
  border-left: 5px solid var(--border-color-primary) !important; }
.weak { font-size: .9rem; line-height: 1.45; padding: 0 .3rem; }
.points th.number, .points td.number { white-space: normal; max-width: 9.5rem; }
.outcome h2 { font-size: 1.25rem; }
.outcome .mark { display: inline-block; width: 1.5rem; text-align: center; }
.outcome.suspicious { border-left-color: #b91c1c !important; }
.outcome.not-suspicious { border-left-color: #0f766e !important; }
.outcome.uncertain, .outcome.not-dermatoscopic { border-left-color: #b45309 !important; }
.outcome h3 { font-size: .95rem; margin: .5rem 0 .15rem; }
.outcome ul.checks { margin: 0; padding-left: 1.1rem; font-size: .93rem; }
figure.map { margin: 0; }
figure.map img { width: 100%; max-height: 520px; object-fit: contain; border-radius: 6px;
  display: block; background: #111; }
figure.map figcaption { font-size: .9rem; margin-top: .4rem; line-height: 1.45; }
.legend { margin: .15rem 0 .5rem; } .legend div.scale { height: .85rem; border-radius: 3px;
  border: 1px solid var(--border-color-primary); background-color: #e5d2c8; }
.legend .ends { display: flex; justify-content: space-between; font-size: .82rem;
  color: var(--body-text-color-subdued); }
.examples { display: grid; grid-template-columns: repeat(4, 1fr); gap: .5rem; margin-top: .35rem; }
.examples button { padding: 0; border: 1px solid var(--border-color-primary); border-radius: 6px;
  overflow: hidden; cursor: pointer; align-self: stretch;
  display: flex; flex-direction: column; font-weight: 400; background: var(--block-background-fill);
  color: var(--body-text-color); font-size: .8rem; line-height: 1.3; }
.examples button:hover, .examples button:focus-visible { outline: 2px solid var(--color-accent);
  outline-offset: 1px; }
.examples img { width: 100%; aspect-ratio: 4 / 3; object-fit: cover; display: block; }
.examples span { display: block; padding: .2rem; }
.wide { overflow-x: auto; }
@media (max-width: 640px) {
  .gradio-container .main.app { padding: 0 .6rem .6rem; }
  .strip { font-size: .82rem; padding: .5rem .7rem; }
  .masthead h1 { font-size: 1.3rem; }
  table.facts td, table.facts tbody th, table.facts th { padding: .35rem .25rem; }
  table.facts th, table.facts thead .wrapped { font-size: .76rem; max-width: 4.4rem; }
  table.facts tbody th { max-width: none; }
  table.ranking thead th.number { font-size: .66rem; padding-left: .4rem; }
  table.ranking th:nth-child(2), table.ranking td:nth-child(2) { display: none; }
  .malignant { margin-left: 0; }
  .examples { grid-template-columns: repeat(2, 1fr); }
  table.stacked thead { display: none; }
  table.stacked, table.stacked tbody, table.stacked tr, table.stacked td, table.stacked tbody th {
    display: block; }
  table.stacked tr { border-bottom: 1px solid var(--border-color-primary); padding: .35rem 0; }
  table.stacked td, table.stacked tbody th { border: 0; padding: .12rem 0; text-align: left; }
  table.stacked td::before { content: attr(data-label) ": "; font-size: .85rem;
    color: var(--body-text-color-subdued); }
  table.stacked .number { text-align: left; }
}
"""


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
