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
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_title_text_weight="600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        button_secondary_background_fill="*neutral_200",
        button_secondary_background_fill_hover="*neutral_300",
        button_secondary_text_color="*neutral_800",
        button_cancel_background_fill="*neutral_800",
        button_cancel_background_fill_hover="*neutral_700",
        button_cancel_background_fill_dark="*neutral_300",
        button_cancel_text_color="white",
        button_cancel_text_color_dark="*neutral_900",
        button_large_padding="10px 16px",
        button_transition="none",  # each frame of one takes the processor from a run that begins
    )


CSS = """
.gradio-container, .gradio-container main, .gradio-container .app {
  padding: 0 !important; margin: 0 !important; max-width: none !important;
}
.gradio-container main { padding: 0 14px 14px !important; }
.gradio-container main > .wrap, .gradio-container .column { gap: 8px; }

/* Gradio's links to the pages of an app; the menu of languages leads there. */
.nav-holder { display: none !important; }

/* Gradio only fades its hidden progress text; screen readers would still find it. */
[data-testid="status-tracker"].hide { display: none !important; }

#canvas .html-container, #header .html-container, #status .html-container,
#further-classes .html-container, #examples .html-container, #models .html-container,
#tour .html-container, #language .html-container { padding: 0; }
#top { align-items: center; gap: 12px; padding: 8px 2px 0; flex-wrap: nowrap; }
#header { flex: 1 1 auto; width: auto !important; }
#models { flex: 0 1 auto; width: auto !important; }
#tour, #language { flex: none; width: auto !important; }
#header header { display: flex; align-items: baseline; gap: 14px; }
#header h1 { font-size: 18px; font-weight: 700; letter-spacing: -0.01em; margin: 0;
  white-space: nowrap; }
#header p { margin: 0; color: var(--body-text-color-subdued); font-size: 13px; }

#studio { align-items: flex-start; gap: 12px; flex-wrap: nowrap; }
#stage { min-width: 0 !important; }
#side { flex: 0 0 330px; gap: 10px; }

.card, .block:has(> #examples), #examples {
  background: var(--background-fill-primary) !important;
}
.card, #examples {
  border: 1px solid var(--border-color-primary) !important;
  border-radius: 10px !important;
  padding: 12px !important;
}
.card { gap: 10px !important; }
.card .block, .card .form, #status { padding: 0 !important; border: 0; background: none; }
.card .form { gap: 10px; overflow: visible; }
.card .row { gap: 6px; }
.card label > span, .card .label-wrap span { font-weight: 600; font-size: 13px; }
.card .checkbox-container span { font-weight: 400; }
#seeds { align-items: flex-end; }
#next-seed { flex: 0 0 auto; height: 40px; }
#outpaint .row { flex-wrap: wrap; }
#outpaint-run { font-size: 14px; padding: 8px; }
.card button { white-space: nowrap; }
#others button { font-size: 14px; padding: 8px; }
#fill { font-size: 16px; }
#studio button[aria-disabled="true"] { opacity: .5; cursor: not-allowed; }
#examples button[aria-disabled="true"] { opacity: .5; cursor: not-allowed; }
#stop:disabled { background: var(--background-fill-secondary);
  color: var(--body-text-color-subdued); }
#status p { margin: 0; font-size: 13px; min-height: 1.4em; color: var(--body-text-color-subdued); }

#variations .wrap { gap: 0; flex-wrap: nowrap; border-radius: 8px; overflow: hidden;
  border: 1px solid var(--border-color-primary); }
#variations .wrap label { flex: 1; justify-content: center; border: 0; border-radius: 0;
  padding: 5px 0; background: none; box-shadow: none; cursor: pointer; }
#variations .wrap label + label { border-left: 1px solid var(--border-color-primary); }
#variations .wrap input { position: absolute; opacity: 0; pointer-events: none; }
#variations .wrap label.selected { background: var(--primary-100); color: var(--primary-800); }
.dark #variations .wrap label.selected { background: var(--primary-800); color: white; }
#variations .wrap label:focus-within { outline: 2px solid var(--primary-500);
  outline-offset: -2px; }

#examples h2 { font-size: 13px; font-weight: 600; margin: 0 0 8px; }
#examples p { margin: 8px 0 0; font-size: 12px; color: var(--body-text-color-subdued); }
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

/* What Gradio moves; not zero, as its scripts wait for the end of some of it. */
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after {
    animation-duration: 1ms !important; animation-iteration-count: 1 !important;
    transition-duration: 1ms !important; scroll-behavior: auto !important;
  }
}

@media (max-width: 900px) {
  .gradio-container main { padding: 0 8px 12px !important; }
  #studio { flex-wrap: wrap; }
  #side { flex: 1 1 100%; }
  #header header { flex-wrap: wrap; gap: 2px 12px; }
}
@media (max-height: 500px) { #header p { display: none; } }
@media (max-width: 480px) {
  #top { gap: 6px; }
  #header { flex-shrink: 0; min-width: max-content !important; }
  #header h1 { font-size: 16px; }
  #models { min-width: 0 !important; }
  #header p { display: none; }
  #examples ul { grid-template-columns: repeat(9, 56px); overflow-x: auto; }
}
"""
