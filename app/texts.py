"""Every word on the page outside the canvas, in one place, in people's words."""

from __future__ import annotations

from collections.abc import Sequence

TITLE = "MaskGIT Studio"
TAGLINE = "Paint over a part of a picture, pick a class, and watch it being imagined anew."

CLASS = "What should appear"
CLASS_INFO = "Type any name, a synonym or an ImageNet number."
NO_CLASS = "anything: let the model decide"
FILL = "Fill what is painted"
GENERATE = "New picture"
STOP = "Stop"
VARIATIONS = "Variations"

OUTPAINT = "Make the picture larger"
OUTPAINT_INFO = "Pixels to add on each side."
LEFT, TOP, RIGHT, BOTTOM = "Left", "Top", "Right", "Bottom"
ADD_LEFT, ADD_TOP, ADD_RIGHT, ADD_BOTTOM = "← Left", "↑ Top", "→ Right", "↓ Bottom"
ADD_AROUND, ADD_NONE = "All around", "Reset"
OUTPAINT_RUN = "Add these sides"

ADVANCED = "Advanced"
STEPS = "Steps"
STEPS_INFO = "Passes of the model. 8 is the paper's choice; more is slower, seldom better."
SCHEDULE = "Schedule"
SCHEDULE_INFO = "How fast cells are decided: cosine decides few at first and many at the end."
OWN_SCHEDULE = "drawn by hand"
SCHEDULE_WORDS = {  # the curve's own script shows them
    "hint": "Drag the points to draw your own.",
    "curve": "Share of cells still masked over the passes",
    "point": "Still masked after {done} of the passes",
    "start": "start",
    "end": "last pass",
}
TEMPERATURE = "Temperature"
TEMPERATURE_INFO = "0 takes the likeliest code everywhere, 1 follows the model, above 1 is wilder."
CHOICE_TEMPERATURE = "Choice temperature"
CHOICE_TEMPERATURE_INFO = "Chance in which cells are kept. 0 keeps the surest: tidy, but plain."
TOP_K = "Top-k"
TOP_K_INFO = "Draw only from this many likeliest codes; 0 = all."
TOP_P = "Top-p"
TOP_P_INFO = "Draw only from the likeliest codes that make up this share; 1 = all."
GUIDANCE = "Guidance"
GUIDANCE_INFO = "1 = off. Higher follows the class more closely, with less variety."
REVEAL = "Which cells are kept"
REVEAL_INFO = "Confidence is the paper's rule; raster goes cell by cell, and takes longest."
FEATHER = "Soft edge"
FEATHER_INFO = "How many cells the new content takes to fade in from the border; 0 = a hard edge."
SEED = "Seed"
RANDOMISE = "A new seed each time"
RANDOMISE_INFO = "Off locks the seed: the same one gives the same picture again."
NEXT_SEED = "Next seed"
PREVIEWS = "Show the steps while it runs"
PREVIEWS_INFO = "Drawing them takes time. Without, they are drawn when you look at them."
FOR_NEW = (
    "These are for filling. As long as none is changed, New picture uses settings of its own, "
    "which vary more."
)
REFINE = "Draw large holes again in detail"
REFINE_INFO = "Where a fill would look soft, in smaller windows. Takes a few seconds more."
REFINING = "Refining: window {window} of {windows}"

EXAMPLES = "Examples"
UPLOAD_HINT = "Or drop, paste or open a picture of your own on the canvas."

REVEAL_NAMES = {
    "confidence": "the surest (paper)",
    "logit": "the strongest (U-ViT)",
    "random": "at random",
    "halton": "evenly spread (Halton)",
    "halton_rolled": "evenly spread, begun elsewhere for each seed",
    "raster": "row by row",
}

SCHEDULE_NAMES = {
    "cosine": "cosine (paper)",
    "arccos": "arccos (Halton)",
}

MODELS = "Models"
MODEL_WORDS = {  # the menu's own script shows them
    "heading": MODELS,
    "close": "Close",
    "use": "Use",
    "used": "in use",
    "loading": "Loading …",
    "again": "Try again",
    "download": "Download",
    "anew": "Download again",
    "cancel": "Cancel",
    "waits": "Loading {title} …",
    "lost": "The server did not answer. Please try again.",
    "about": "Your picture and what you painted stay when you change the model.",
}
STAGES = {
    "waiting": "Starting …",
    "downloading": "{done} of {total}, {percent} %",
    "converting": "Converting …",
}
LICENCE = "licence: {licence}"
MODEL_CHOSEN = "Now with {title}, at {size} px."
NO_MODEL = "There is no model of that name here."
NOT_HERE = "{title} is not on this computer yet. Download it in the menu of models."
MODEL_BROKEN = "{title} cannot be used. {reason}"
DOWNLOADS_BUSY = "Two downloads are under way. Wait for one of them, or cancel it."
DOWNLOAD_FAULT = "Something went wrong in the download. What came so far is kept; please try again."
OFFLINE = "This editor was started offline, so models cannot be downloaded here."
NO_DOWNLOADS = "Whoever runs this editor has not allowed downloads from the page."
NO_MCP = "--mcp needs the package mcp, which is not installed: pip install -r requirements-mcp.txt"

READY = "Paint on the picture, then press Fill."
STOPPED = "Stopped. Your picture is as it was."
WORKING = "Imagining …"
WAITING = "Waiting for the model …"
DONE = "Done in {seconds:.1f} s. Seed {seeds}."

DONE_SEEDS = "{first} to {last}"

RECIPE_EDIT = (
    "Its recipe is back: the picture before, what was painted, class, seed and settings. "
    "Fill makes it again; Undo shows the result."
)
RECIPE_ENLARGED = (
    "Its recipe is back: the picture before, the sides that were added, class, seed and settings. "
    "Add these sides makes it again; Undo shows the result."
)
RECIPE_NEW = "Its recipe is back: class, seed and settings. New picture makes it again."
RECIPE_STEERED = "It was steered by hand, though, which its seed does not repeat."
RECIPE_OTHER_MODEL = "But it was made by {model} with weights that are not here."
NO_PROJECT = "This is no project of this program."
NEWER_PROJECT = (
    "The project was saved by a newer version of this program: "
    "it is of version {version}, and versions up to {known} can be opened here."
)
PROJECT_DAMAGED = "The project is damaged: {what}."
NO_SUCH_CLASS = "The class {name} is not one of this model's."
RECIPE_IGNORED = "The picture is open, but without its recipe. {reason}"

FULL = "Too many people are using the model just now. Try again in a moment; nothing was lost."
BUSY = "Too many people are sending pictures just now. Try again in a moment."
FAULT = "Something went wrong here, not with you. Your picture is as it was; please try again."
NO_PICTURE = "Open a picture first, or press New picture."
NOTHING_PAINTED = "Paint over the part you want to change first."
NOTHING_IN_WINDOW = (
    "Nothing is painted inside the model's window. Move it there, or let it follow the mask."
)
TOO_LITTLE_COVERED = (
    "No token is painted to more than {percent} %, so none may change. "
    "Paint more, or lower the coverage."
)
NO_SIDES = "Say how many pixels to add: press an arrow or type a number."
TOO_LARGE = "The picture would be {width} x {height} pixels; at most {limit:.0f} million fit."
TOO_LONG_NOW = "The picture would be {width} x {height} pixels; a side has at most {limit}."
TOO_MANY_PICTURES = "Of {width} x {height} pixels, at most {most} variations fit at once."
FORGOTTEN = "This picture is no longer known here; it is being sent again."
BAD_REQUEST = "That cannot be answered: {where}: {what}."
NO_SUCH_PICTURE = "There is no picture of that id here any more; send it again."
MASK_OR_BOX = "Say what may change: a mask or a box, one of the two."
MASK_SIZE = "The mask is {mask} pixels, the picture {picture}; they must be of one size."
NOTHING_MASKED = "Nothing may change: the mask has no white, or the box lies outside."
NO_SIDES_NAMED = "Say how many pixels to add: left, top, right or bottom."
NOT_FINISHED = "Some cells are still masked. Step on until none is."
NO_ORIGINAL = "The whole picture is new, so there is no original to compare with."
BAD_CELLS = "Cells are {digits} hexadecimal digits, one bit for each of {cells} cells."
CELLS_OR_SHARE = "Say which cells go back to the mask, or which share of them: one of the two."
VARIED = "{count} close to it. Seeds {seeds}."
FINISHED = "Done. Seed {seed}."
BAD_UPLOAD = "That did not arrive as a picture. Try another file."
UPLOAD_TOO_LARGE = "That file is too large; at most {megabytes:.0f} MB can be opened."
TOO_LONG = (
    "The picture is {width} x {height} pixels large; at most {most} times as long as wide fits."
)
FIRST_OF_MANY = "This file holds several pictures, an animation or pages; here is the first."
NO_EXAMPLE = "There is no example of that name."
BAD_SETTING = "{name}: {value} is not allowed; it must be {allowed}."
REFUSED = "The model cannot do that:"
TOO_MANY_STATES = "{number} steps are too many for one file; at most {most} fit."


def seeds(used: Sequence[int]) -> str:
    """Say which seeds were used; they follow each other."""
    if len(used) == 1:
        return str(used[0])
    return DONE_SEEDS.format(first=used[0], last=used[-1])
