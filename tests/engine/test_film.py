"""Films: every state a moment, in every format, and what the overlays say."""

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from maskgit import MaskGIT, steering
from maskgit.decoding import DecodeState
from maskgit.film import FILM_FORMATS, HOLD, MIN_SIDE, RAMP, film, overlaid
from maskgit.types import Picture


@pytest.fixture(scope="module")
def states(engine: MaskGIT) -> tuple[DecodeState, ...]:
    return engine.generate("rose", seed=2).traces[0]


@pytest.fixture(scope="module")
def pictures(engine: MaskGIT, states: Sequence[DecodeState]) -> list[Picture]:
    return [engine.preview(state)[0] for state in states]


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_shows_every_picture_for_its_time(kind: str, pictures: list[Picture]) -> None:
    image = Image.open(io.BytesIO(film(pictures, kind, 0.2)))
    assert image.size == (MIN_SIDE, MIN_SIDE)
    assert getattr(image, "n_frames") == len(pictures) == 5  # noqa: B009
    durations = []
    for frame in range(len(pictures)):
        image.seek(frame)
        shown = np.array(image.convert("RGB"))[4::8, 4::8].astype(int)
        assert np.abs(shown - pictures[frame]).mean() < 12
        durations.append(image.info["duration"])  # known once the frame was read
    assert durations == [200] * 4 + [200 * HOLD]


def test_an_mp4_shows_every_picture_for_its_time(pictures: list[Picture], tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(film(pictures, "mp4", 0.25))
    video = cv2.VideoCapture(str(tmp_path / "a.mp4"))
    assert video.get(cv2.CAP_PROP_FPS) == 20
    codec = int(video.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
    assert codec in (b"h264", b"avc1")
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1][..., ::-1])
    video.release()
    assert len(frames) == 5 * (4 + HOLD)
    assert frames[0].shape == (MIN_SIDE, MIN_SIDE, 3)
    for number, picture in enumerate(pictures):
        shown = frames[5 * number + 2].reshape(32, 8, 32, 8, 3).mean((1, 3))
        assert np.abs(shown - picture).mean() < 12


def test_a_large_picture_keeps_its_size() -> None:
    image = Image.open(io.BytesIO(film([np.zeros((300, 320, 3), np.uint8)], "gif")))
    assert image.size == (320, 300)


@pytest.mark.parametrize(
    ("kind", "seconds", "number", "words"),
    [
        ("avi", 0.4, 1, "choose one of gif, webp, mp4"),
        ("gif", 0, 1, "0.05 to 5"),
        ("gif", float("nan"), 1, "0.05 to 5"),
        ("mp4", 6, 1, "0.05 to 5"),
        ("gif", 5, 130, "at most 600"),
        ("gif", 0.4, 0, "at least one"),
        ("mp4", 0.4, 0, "at least one"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_filmed_is_a_sentence(
    kind: str, seconds: float, number: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        film([np.zeros((8, 8, 3), np.uint8)] * number, kind, seconds)


def test_the_veil_covers_the_masked_cells_and_no_others(
    states: Sequence[DecodeState], pictures: list[Picture]
) -> None:
    shown = overlaid(pictures[2], states[2], "mask")
    masked = states[2].mask[0].view(4, 4).numpy().repeat(8, 0).repeat(8, 1)
    np.testing.assert_array_equal(shown[~masked], pictures[2][~masked])
    expected = np.rint(pictures[2][masked] + 0.6 * (128.0 - pictures[2][masked]))
    np.testing.assert_array_equal(shown[masked], expected.astype(np.uint8))


def test_the_order_is_dark_early_and_light_late(states: Sequence[DecodeState]) -> None:
    last, black = states[-1], np.zeros((32, 32, 3), np.uint8)
    shown = overlaid(black, last, "order")[::8, ::8].reshape(16, 3)
    revealed = last.revealed_at[0].numpy()
    np.testing.assert_array_equal(shown[revealed == 0][0], np.rint(0.6 * RAMP[0]))
    np.testing.assert_array_equal(shown[revealed == 3][0], np.rint(0.6 * RAMP[-1]))
    assert (np.diff(shown.sum(1)[revealed.argsort(kind="stable")].astype(int)) >= 0).all()


def test_confidence_colours_what_could_change(engine: MaskGIT) -> None:
    state = engine.step(engine.prepare_generate("rose").state)
    certain = steering.choose(state, 3, 5)
    black = np.zeros((32, 32, 3), np.uint8)
    np.testing.assert_array_equal(
        overlaid(black, certain, "confidence")[0, 31], np.rint(0.6 * RAMP[-1])
    )
    np.testing.assert_array_equal(overlaid(black, state, "none"), black)
    with pytest.raises(ValueError, match="no overlay"):
        overlaid(black, state, "entropy")


def test_the_formats_are_those_of_the_documentation() -> None:
    assert FILM_FORMATS == ("gif", "webp", "mp4")
