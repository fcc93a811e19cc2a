"""A decode as a film: every state a moment, with or without an overlay, as GIF, WebP or MP4.

Read in this order:
    overlaid    what an overlay says about a state, laid over its picture
    film        pictures, one after another, as a file

MP4 is H.264 by ffmpeg, which comes with imageio-ffmpeg; the other two are written by Pillow.
"""

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import chain, repeat
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from maskgit.contact_sheet import GREY
from maskgit.decoding import KNOWN, DecodeState
from maskgit.masks import to_region
from maskgit.types import Picture

FILM_FORMATS = ("gif", "webp", "mp4")
OVERLAYS = ("none", "mask", "confidence", "order")
MIN_SECONDS, MAX_SECONDS = 0.05, 5.0  # of a step
MAX_LENGTH_S = 600  # of a film
MIN_SIDE = 256  # smaller pictures are shown larger, pixel by pixel
HOLD = 4  # how many steps long the last one is shown
FRAMES_PER_SECOND = 20  # of an MP4; players dislike less
VEIL = 0.6  # how much the grey of masked cells hides
TINT = 0.6  # how much of a cell is the colour of its value
# Dark violet to pale yellow, evenly spaced in lightness: reads without colour vision, too.
RAMP = np.array([[59, 15, 112], [140, 41, 129], [222, 73, 104], [254, 159, 109], [252, 253, 191]])


def overlaid(picture: Picture, state: DecodeState, overlay: str = "none") -> Picture:
    """Lay over a picture of one row what is known of its cells.

    Args:
        picture: What the state shows, or anything else of the same square.
        state: One row.
        overlay: `mask` veils the cells that are masked; `confidence` colours those that could
            change by the probability of what was drawn there, `order` those that are decided by
            the pass that decided them, dark is early; `none` is the picture alone.

    Raises:
        ValueError: If there is no such overlay.
    """
    values = _MAPS.get(overlay)
    if values is None:
        raise ValueError(f"no overlay {overlay!r}; choose one of {', '.join(OVERLAYS)}")
    height, width = state.constraints.grid
    values = values(state).reshape(height, width)  # NaN where nothing is to be said
    shown = ~np.isnan(values)
    if not shown.any():
        return picture.copy()
    colours = np.full((height, width, 3), GREY, np.float32)
    if overlay != "mask":
        stops = np.linspace(0, 1, len(RAMP))
        inside = np.nan_to_num(values)
        colours = np.stack([np.interp(inside, stops, RAMP[:, i]) for i in range(3)], axis=-1)
    region = to_region(shown, *picture.shape[:2])
    rows = np.arange(picture.shape[0]) * height // picture.shape[0]
    columns = np.arange(picture.shape[1]) * width // picture.shape[1]
    wash = colours[rows[:, None], columns]  # (H, W, 3)
    share = VEIL if overlay == "mask" else TINT
    mixed = np.rint(picture + share * (wash - picture)).astype(np.uint8)
    return np.where(region[..., None], mixed, picture)


def film(pictures: Iterable[Picture], kind: str, seconds_per_step: float = 0.4) -> bytes:
    """Write pictures of one size as a film that stays on its last picture for a while.

    Args:
        pictures: At least one; taken as they come, so they need not all be there at once.
        kind: One of FILM_FORMATS. GIF has 256 colours a picture; WebP and GIF begin again at the
            end.
        seconds_per_step: How long each is shown, MIN_SECONDS to MAX_SECONDS.

    Raises:
        ValueError: If an argument is not allowed, the film would be longer than MAX_LENGTH_S, or
            this machine has no ffmpeg.
    """
    if kind not in FILM_FORMATS:
        raise ValueError(f"no kind of film {kind!r}; choose one of {', '.join(FILM_FORMATS)}")
    if not MIN_SECONDS <= seconds_per_step <= MAX_SECONDS:
        raise ValueError(
            f"a step is shown for {MIN_SECONDS} to {MAX_SECONDS} seconds, got {seconds_per_step}"
        )
    frames = _timed(map(_enlarged, pictures), seconds_per_step)
    return _mp4(frames) if kind == "mp4" else _animation(frames, kind)


def _masked(state: DecodeState) -> Float[np.ndarray, " N"]:
    return np.where(_row(state.mask), 1.0, np.nan)


def _confidence(state: DecodeState) -> Float[np.ndarray, " N"]:
    probability = np.exp(np.minimum(_row(state.confidence), 0))
    return np.where(_row(state.revealed_at != KNOWN), probability, np.nan)


def _order(state: DecodeState) -> Float[np.ndarray, " N"]:
    revealed_at = _row(state.revealed_at)
    last = max(state.steps[0] - 1, 1)
    return np.where(revealed_at >= 0, np.minimum(revealed_at / last, 1), np.nan)


def _nothing(state: DecodeState) -> Float[np.ndarray, " N"]:
    return np.full(state.tokens.shape[1], np.nan)


_MAPS: dict[str, Callable[[DecodeState], Float[np.ndarray, " N"]]] = {
    "none": _nothing,
    "mask": _masked,
    "confidence": _confidence,
    "order": _order,
}


def _row(values: Tensor) -> np.ndarray:
    return values[0].cpu().numpy()


def _timed(pictures: Iterator[Picture], seconds: float) -> Iterator[tuple[Picture, float]]:
    """Say how long each picture is shown, the last one longer."""
    waiting = next(pictures, None)
    if waiting is None:
        raise ValueError("a film needs at least one picture")
    length = HOLD * seconds
    for following in pictures:
        length += seconds
        if length > MAX_LENGTH_S:
            raise ValueError(f"a film is at most {MAX_LENGTH_S} seconds long; show steps shorter")
        yield waiting, seconds
        waiting = following
    yield waiting, HOLD * seconds


def _enlarged(picture: Picture) -> UInt8[np.ndarray, "h w 3"]:
    times = -(-MIN_SIDE // min(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _animation(frames: Iterator[tuple[Picture, float]], kind: str) -> bytes:
    durations: list[int] = []

    def images() -> Iterator[Image.Image]:
        for picture, seconds in frames:
            durations.append(round(1000 * seconds))
            yield Image.fromarray(picture)

    first, *others = images()  # Pillow wants to know all durations before it begins
    file = io.BytesIO()
    options = {"quality": 90, "method": 2} if kind == "webp" else {"optimize": False}
    first.save(
        file,
        kind.upper(),
        save_all=True,
        append_images=others,
        duration=durations,
        loop=0,
        **options,
    )
    return file.getvalue()


def _mp4(frames: Iterator[tuple[Picture, float]]) -> bytes:
    import imageio_ffmpeg  # only films need it

    first, seconds = next(frames)
    height, width = first.shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        try:
            writer = imageio_ffmpeg.write_frames(
                str(path),
                (width, height),
                fps=FRAMES_PER_SECOND,
                codec="libx264",
                quality=8,
                macro_block_size=2,
                ffmpeg_log_level="error",
                output_params=["-movflags", "+faststart"],
            )
            writer.send(None)
        except (RuntimeError, OSError) as error:
            raise ValueError(f"this machine cannot write MP4: {error}") from error
        with closing(writer):
            for picture, shown in chain([(first, seconds)], frames):
                for _ in repeat(None, max(round(shown * FRAMES_PER_SECOND), 1)):
                    writer.send(np.ascontiguousarray(picture))
        return path.read_bytes()
