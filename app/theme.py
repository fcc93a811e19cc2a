"""Looks: a quiet theme on system fonts, and the few rules that place the panels.

The canvas has its own style sheet; both use Gradio's CSS variables, so light and dark follow.
"""

from __future__ import annotations

from gradio.themes import Base, colors, sizes

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")  # nothing is fetched
MONO_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "monospace")


def theme() -> Base:
    """Build the theme."""
    return Base(
        primary_hue=colors.indigo,
        neutral_hue=colors.slate,
        radius_size=sizes.radius_md,
        spacing_size=sizes.spacing_sm,
        font=FONTS,
        font_mono=MONO_FONTS,
    ).set(
        body_background_fill="*neutral_100",
        body_background_fill_dark="*neutral_950",
        block_border_width="0px",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_shadow="none",
        block_label_background_fill="transparent",
        block_label_border_width="0px",
        block_info_text_size="*text_xs",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        button_secondary_background_fill="*neutral_200",
        button_secondary_background_fill_hover="*neutral_300",
        button_large_padding="10px 16px",
    )


CSS = """
.gradio-container { padding: 0 16px 12px !important; max-width: none !important; }
.gradio-container main { gap: 8px; }
#header header { display: flex; align-items: baseline; gap: 14px; padding: 10px 2px 4px; }
#header h1 { font-size: 18px; font-weight: 700; letter-spacing: -0.01em; margin: 0; }
#header p { margin: 0; color: var(--body-text-color-subdued); font-size: 13px; }
#header .model { margin-left: auto; font-size: 12px; white-space: nowrap; }

#studio { align-items: flex-start; gap: 12px; flex-wrap: nowrap; }
#stage { min-width: 0 !important; }
#side { max-width: 340px; gap: 10px; }
.card {
  background: var(--background-fill-primary) !important;
  border: 1px solid var(--border-color-primary) !important;
  border-radius: 10px !important;
  padding: 10px 12px !important;
  gap: 8px;
}
.card .tight { gap: 6px; }
#make .block, #outpaint .block, #advanced .block { padding: 0 !important; }
#others { gap: 6px; }
#status p { margin: 0; font-size: 13px; min-height: 1.4em; color: var(--body-text-color-subdued); }

#examples h2 { font-size: 13px; font-weight: 600; margin: 0 0 6px; }
#examples p { margin: 6px 0 0; font-size: 12px; color: var(--body-text-color-subdued); }
#examples ul {
  display: grid; grid-template-columns: repeat(5, 1fr); gap: 6px; list-style: none;
  margin: 0; padding: 0;
}
#examples li { margin: 0; }
#examples button {
  display: block; width: 100%; padding: 0; border: 0; border-radius: 6px; overflow: hidden;
  cursor: pointer; background: none; aspect-ratio: 1;
}
#examples img { width: 100%; height: 100%; object-fit: cover; display: block; margin: 0; }
#examples button:hover img { filter: brightness(1.08); }
#examples button:focus-visible { outline: 2px solid var(--primary-500); outline-offset: 2px; }

@media (max-width: 900px) {
  #studio { flex-wrap: wrap; }
  #side { max-width: none; }
  .gradio-container { padding: 0 8px 12px !important; }
  #header header { flex-wrap: wrap; gap: 2px 12px; }
  #header .model { margin-left: 0; }
}
@media (max-width: 480px) { #header p { display: none; } }
"""
