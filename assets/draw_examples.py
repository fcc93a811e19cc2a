"""Draw the example pictures that are ours: mountains over a lake, a coast at sunset, a meadow.

Everything is computed from a seed with NumPy, so the pictures carry nobody's rights but the
project's own. Run it to write them again:

    python assets/draw_examples.py

Read in this order:
    ridge, clouds      fractal noise, in one and two dimensions
    mountains ...      one function per picture, painted from the sky down
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOLDER = Path(__file__).parent / "examples"
WIDTH, HEIGHT = 720, 480
Canvas = NDArray[
    np.float32
]  # (HEIGHT, WIDTH, 3) RGB in [0, 1]; layers are painted over it in place


def ridge(random: np.random.Generator, roughness: float) -> Canvas:
    """Make a skyline: a sum of waves whose height falls with their frequency, in [-1, 1]."""
    x = np.linspace(0, 1, WIDTH, dtype=np.float32)
    line = np.zeros(WIDTH, np.float32)
    for octave in range(9):
        frequency = 1.3 * 1.9**octave
        wave = np.interp(
            x * frequency, np.arange(frequency + 2), random.uniform(-1, 1, int(frequency) + 3)
        )
        line += np.float32(roughness**octave) * wave.astype(np.float32)
    return line / np.abs(line).max()


def clouds(random: np.random.Generator, size: tuple[int, int], stretch: float) -> Canvas:
    """Make soft two-dimensional noise in [0, 1], `stretch` times longer across than down."""
    height, width = size
    total = np.zeros(size, np.float32)
    for octave in range(7):
        cells = 2 ** (octave + 1)
        coarse = random.normal(size=(cells + 3, max(3, int(cells * width / height / stretch)) + 3))
        smooth = cv2.resize(
            coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
        )
        total += smooth * np.float32(0.55**octave)
    low, high = np.percentile(total, (2, 98))
    return np.clip((total - low) / (high - low), 0, 1)


def gradient(colours: list[tuple[float, float, float]], height: int) -> Canvas:
    """Blend the colours from top to bottom over the full width."""
    stops = np.linspace(0, 1, len(colours))
    y = np.linspace(0, 1, height)
    bands = np.stack([np.interp(y, stops, channel) for channel in np.transpose(colours)], axis=-1)
    return np.repeat(bands[:, None].astype(np.float32), WIDTH, axis=1)


def paint(canvas: Canvas, cover: Canvas, colour: Canvas | tuple[float, float, float]) -> None:
    """Lay `colour` over the canvas where `cover`, in [0, 1], says so."""
    canvas += cover[..., None] * (np.asarray(colour, np.float32) - canvas)


def below(line: Canvas) -> Canvas:
    """Cover everything under a skyline given in pixels from the top, with a one-pixel soft edge."""
    return np.clip(np.arange(HEIGHT, dtype=np.float32)[:, None] - line + 0.5, 0, 1)


def mountains(random: np.random.Generator) -> Canvas:
    """Snowy peaks in the morning over a lake that mirrors them."""
    canvas = gradient([(0.33, 0.54, 0.80), (0.66, 0.80, 0.92), (0.95, 0.90, 0.84)], HEIGHT)
    sky = clouds(random, (HEIGHT, WIDTH), 3) ** 2.2
    paint(canvas, 0.75 * sky * np.linspace(1, 0.2, HEIGHT, dtype=np.float32)[:, None], (1, 1, 1))
    shore = 330
    rock = clouds(random, (HEIGHT, WIDTH), 0.8)
    light = np.clip(0.5 + 9 * (rock - np.pad(rock, ((2, 0), (3, 0)), "edge")[:-2, :-3]), 0, 1)
    y = np.arange(HEIGHT, dtype=np.float32)[:, None]
    for depth, (base, height, haze) in enumerate(
        [(185, 95, 0.5), (200, 135, 0.15), (296, 34, 0.0)]
    ):
        line = (
            base - height * np.abs(ridge(random, 0.52 if depth < 2 else 0.47)) * 1.1 + 0.35 * height
        )
        stone = np.float32([0.30, 0.33, 0.40]) + 0.22 * light[..., None] * np.float32(
            [1.1, 1.0, 0.9]
        )
        if depth < 2:
            snow = np.clip(1.5 - (y - line) / 50 + 2.6 * (light - 0.5), 0, 1)
            paint(stone, snow, np.float32([0.80, 0.86, 0.95]) + 0.18 * light[..., None])
        else:
            stone = np.float32([0.12, 0.24, 0.17]) + 0.16 * (light * rock)[..., None]
        stone += haze * (np.float32([0.74, 0.83, 0.92]) - stone)
        paint(canvas, below(line) * (y < shore), stone)
    mirror = canvas[shore - (HEIGHT - shore) : shore][::-1]
    ripples = clouds(random, mirror.shape[:2], 14)
    columns = np.broadcast_to(np.arange(WIDTH, dtype=np.float32), ripples.shape)
    rows = np.arange(len(mirror), dtype=np.float32)[:, None] + 9 * (ripples - 0.5)
    water = cv2.remap(
        mirror,
        columns.copy(),
        rows.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    canvas[shore:] = 0.78 * water + np.float32([0.02, 0.06, 0.10]) + 0.07 * ripples[..., None]
    paint(
        canvas,
        0.5 * np.exp(-((y - shore) ** 2) / 6) * np.ones((1, WIDTH), np.float32),
        (0.75, 0.83, 0.86),
    )
    return canvas


def coast(random: np.random.Generator) -> Canvas:
    """A low sun over the sea, wet sand in front and a headland on the left."""
    canvas = gradient(
        [(0.22, 0.30, 0.52), (0.60, 0.46, 0.60), (0.96, 0.62, 0.42), (1.0, 0.84, 0.55)], 250
    )
    canvas = np.concatenate(
        [canvas, gradient([(0.72, 0.52, 0.45), (0.10, 0.20, 0.30)], HEIGHT - 250)]
    )
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    far = np.hypot(x - 480, (y - 218) * 1.05)
    bands = clouds(random, (250, WIDTH), 7) ** 1.7
    sky = np.concatenate([0.65 * bands, np.zeros((HEIGHT - 250, WIDTH), np.float32)])
    paint(canvas, sky, (0.99, 0.72, 0.62))
    above = (y < 250).astype(np.float32)
    paint(canvas, above * 0.8 * np.exp(-far / 70), (1.0, 0.93, 0.70))
    paint(canvas, above * np.clip(25 - far, 0, 1), (1.0, 0.97, 0.84))
    depth = np.clip((y - 250) / (HEIGHT - 250), 0, 1)
    waves = np.concatenate(
        [np.zeros((250, WIDTH), np.float32), clouds(random, (HEIGHT - 250, WIDTH), 12)]
    )
    glitter = np.exp(-(((x - 480) / (30 + 190 * depth)) ** 2)) * np.clip(waves * 2.3 - 0.9, 0, 1)
    paint(canvas, (1 - above) * glitter * 0.85, (1.0, 0.86, 0.60))
    paint(canvas, (1 - above) * 0.28 * np.clip(0.5 - waves, 0, 1), (0.02, 0.08, 0.14))
    edge = 408 + 26 * np.sin(np.arange(WIDTH) / 95) - 30 * np.arange(WIDTH) / WIDTH
    edge = (edge + 7 * ridge(random, 0.6)).astype(np.float32)
    grain = random.normal(0, 0.012, (HEIGHT, WIDTH, 1)).astype(np.float32)
    sand = np.float32([0.62, 0.47, 0.37]) + 0.16 * (y - 380)[..., None] / 100 + grain
    paint(canvas, below(edge), sand)
    paint(canvas, 0.5 * below(edge) * np.exp(-np.clip(y - edge, 0, None) / 12), (0.86, 0.63, 0.50))
    foam = np.exp(-(((y - edge + 3) / (2.5 + 3 * waves)) ** 2))
    paint(canvas, 0.9 * foam, (0.98, 0.92, 0.86))
    cliff = 250 - np.clip(1 - np.arange(WIDTH) / 250, 0, 1) ** 0.6 * (82 + 16 * ridge(random, 0.5))
    rock = np.float32([0.20, 0.16, 0.20]) + 0.16 * clouds(random, (HEIGHT, WIDTH), 0.6)[..., None]
    paint(canvas, below(cliff.astype(np.float32)) * (y < 252), rock)
    return canvas


def meadow(random: np.random.Generator) -> Canvas:
    """Daisies in a green meadow under a summer sky."""
    canvas = gradient([(0.27, 0.55, 0.88), (0.62, 0.80, 0.95), (0.88, 0.94, 0.97)], HEIGHT)
    y = np.arange(HEIGHT, dtype=np.float32)[:, None]
    puffs = np.clip(clouds(random, (HEIGHT, WIDTH), 2.2) * 1.9 - 0.9, 0, 1)
    paint(canvas, 0.92 * puffs * (y < 230), (1, 1, 1))
    blades = clouds(random, (HEIGHT, WIDTH), 0.35)
    for base, height, colour in [
        (205, 20, (0.42, 0.58, 0.56)),
        (232, 24, (0.36, 0.57, 0.32)),
        (268, 12, (0.34, 0.60, 0.20)),
    ]:
        hill = np.float32(colour) * (0.72 + 0.5 * blades[..., None])
        paint(canvas, below(base - height * ridge(random, 0.38)), hill)
    picture = np.ascontiguousarray((np.clip(canvas, 0, 1) * 255).astype(np.uint8))
    for row in np.sort(random.uniform(285, HEIGHT + 40, 1500)):
        size = (row - 250) / 60
        x, lean = random.uniform(0, WIDTH), random.normal(0, 2.5) * size
        green = tuple(int(c) for c in np.float32([60, 120, 40]) * random.uniform(0.6, 1.35))
        top = (int(x + lean), int(row - random.uniform(4, 11) * size))
        cv2.line(picture, (int(x), int(row)), top, green, max(1, int(size * 0.8)), cv2.LINE_AA)
        if random.uniform() < 0.07:
            daisy(picture, random, top, 3.2 * size)
    return picture.astype(np.float32) / 255


def daisy(
    picture: NDArray[np.uint8], random: np.random.Generator, centre: tuple[int, int], radius: float
) -> None:
    """Draw one flower: white petals seen a little from the side, a yellow heart."""
    x, y = centre
    for angle in np.arange(0, 2 * np.pi, np.pi / 7) + random.uniform(0, 1):
        tip = (x + 0.6 * radius * np.cos(angle), y + 0.42 * radius * np.sin(angle))
        white = int(random.uniform(225, 255))
        axes = (max(1, int(0.45 * radius)), max(1, int(0.15 * radius)))
        cv2.ellipse(
            picture, (int(tip[0]), int(tip[1])), axes, float(np.degrees(angle)), 0, 360,
            (white, white, white), -1, cv2.LINE_AA,
        )  # fmt: skip
    heart = (max(1, int(0.30 * radius)), max(1, int(0.22 * radius)))
    cv2.ellipse(picture, (x, y), heart, 0, 0, 360, (246, 190, 40), -1, cv2.LINE_AA)


def main() -> None:
    """Write every picture."""
    for seed, draw in enumerate([mountains, coast, meadow]):
        canvas = draw(np.random.default_rng(20 + seed))
        picture = np.clip(canvas * 255 + 0.5, 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(FOLDER / f"{draw.__name__}.jpg", quality=90)


if __name__ == "__main__":
    main()
