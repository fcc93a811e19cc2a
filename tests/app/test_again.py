"""What the next seed repeats: the same wish on the same picture, and the seeds after."""

from dataclasses import replace

from app.again import LastRun, next_seed, same_seed
from app.canvas.drawing import Drawing
from app.controls import MAX_SEED, Controls

BASE, RESULT = "a" * 32, "b" * 32
PAINTED = Drawing(BASE, 64, 64, 4, 4, 4, "8000", 1)
ON_RESULT = Drawing(RESULT, 64, 64, 4, 4, 4, "8000", 1)
LAST = LastRun("fill", "run", 7, PAINTED, (RESULT,))


def test_the_next_seed_is_tried_on_the_picture_before() -> None:
    action, drawing, controls = next_seed(LAST, ON_RESULT, Controls(seed=7))
    assert (action, drawing, controls.seed, controls.randomise) == ("fill", PAINTED, 8, False)


def test_seeds_of_all_variations_are_skipped_and_the_last_one_wraps() -> None:
    assert next_seed(LAST, ON_RESULT, Controls(seed=7, variations=4)).controls.seed == 11
    assert next_seed(LAST, ON_RESULT, Controls(seed=MAX_SEED)).controls.seed == 0
    assert next_seed(LAST, ON_RESULT, Controls(seed=None)).controls.seed is None


def test_what_was_painted_since_is_filled_as_it_is() -> None:
    more = Drawing(RESULT, 64, 64, 4, 4, 4, "c000", 2)
    assert next_seed(LAST, more, Controls()).drawing == more
    assert next_seed(None, more, Controls()).drawing == more
    elsewhere = replace(ON_RESULT, at=(1, 0))  # the model's window was moved
    assert next_seed(LAST, elsewhere, Controls()).drawing == elsewhere
    outpainted = LAST._replace(action="outpaint")
    assert next_seed(outpainted, ON_RESULT, Controls())[:2] == ("fill", ON_RESULT)


def test_a_new_picture_is_made_again_until_it_is_painted_on() -> None:
    made = LAST._replace(action="generate")
    blank = Drawing(RESULT, 64, 64, 4, 4, 4, "0000", 0)
    assert next_seed(made, blank, Controls()).action == "generate"
    assert next_seed(made, ON_RESULT, Controls()).action == "fill"


def test_a_run_that_could_not_begin_keeps_its_seed() -> None:
    _, drawing, controls = same_seed(LAST, ON_RESULT, Controls(seed=1))
    assert (drawing, controls.seed, controls.randomise) == (ON_RESULT, 7, False)
