"""What happens when a person presses something, told without a server and without a model."""

import base64
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.canvas.drawing import Drawing
from app.controls import MAX_SEED, Controls
from app.desk import Action
from app.handlers import Handlers, Shown
from app.models import Settings
from app.runs import Fill, Generate, Outpaint, Refining, Request
from app.words import Sentence
from tests.app.fakes import INFO, SIZE, FakeStudio, drawing

CHOSEN = Controls(label=970, randomise=False, seed=7)


@pytest.fixture
def studio() -> FakeStudio:
    return FakeStudio()


@pytest.fixture
def handlers(studio: FakeStudio) -> Handlers:
    return Handlers(studio)


def opened(studio: FakeStudio, *painted: int, **window: Any) -> Drawing:
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    return drawing(studio.keep(picture), painted=painted, **window)


def frames(
    handlers: Handlers, action: Action, drawn: Drawing, controls: Controls = CHOSEN
) -> list[Shown]:
    return list(handlers.run(action, drawn, controls))


def only_error(shown: list[Shown]) -> dict[str, Any]:
    assert [s.frame["kind"] for s in shown] == ["error"]
    assert shown[0].status == shown[0].frame["message"]
    return shown[0].frame


@pytest.mark.parametrize("action", ["fill", "generate", "outpaint"])
def test_steps_are_sent_once_and_can_be_asked_for_when_the_run_is_over(
    studio: FakeStudio, handlers: Handlers, action: Action
) -> None:
    shown = frames(handlers, action, opened(studio, 8), CHOSEN._replace(left=8))
    *steps, last = [each.frame for each in shown]
    assert steps[0]["kind"] == "start"
    assert "trace" not in last
    answer = handlers.missed.missed({"run": last["run"], "seen": []})
    assert answer == {"ok": True, "frames": steps}


def test_every_step_is_shown_and_the_result_comes_last(
    studio: FakeStudio, handlers: Handlers
) -> None:
    shown = frames(handlers, "fill", opened(studio, 8, 9))
    assert [s.frame["kind"] for s in shown] == ["start", *["step"] * 8, "done"]
    assert [s.frame.get("step") for s in shown] == [*range(9), None]
    assert {s.frame["run"] for s in shown} == {shown[0].frame["run"]}
    assert [s.is_running for s in shown] == [*[True] * 9, False]


def test_the_result_carries_the_changed_rectangle_of_every_variation(
    studio: FakeStudio, handlers: Handlers
) -> None:
    last = frames(handlers, "fill", opened(studio, 8, 9), CHOSEN._replace(variations=4))[-1]
    patch = last.frame["patches"][0]
    assert [p["seed"] for p in last.frame["patches"]] == [7, 8, 9, 10]
    assert [patch[key] for key in ("left", "top", "width", "height")] == [20, 10, 20, 10]
    assert len(set(last.frame["picture_ids"])) == 4
    assert all(studio.picture(key) is not None for key in last.frame["picture_ids"])


def test_a_fill_looks_at_a_square_around_the_paint(studio: FakeStudio, handlers: Handlers) -> None:
    frames(handlers, "fill", opened(studio, 8, 9))
    (request,) = studio.requests
    assert isinstance(request, Fill)
    assert request.window is not None
    assert request.cells is not None
    assert request.cells.shape == (4, 4)
    assert request.cells.sum() == 2
    assert request.region.sum() == 200


def test_paint_wider_than_a_window_is_left_to_the_engine(
    studio: FakeStudio, handlers: Handlers
) -> None:
    frames(handlers, "fill", opened(studio, 0, 5))
    (request,) = studio.requests
    assert isinstance(request, Fill)
    assert request.window is None
    assert request.cells is None


def test_controls_reach_the_model(studio: FakeStudio, handlers: Handlers) -> None:
    controls = CHOSEN._replace(
        label=-1, steps=3, schedule="linear", temperature=0.5, choice_temperature=2, top_k=5,
        top_p=0.9, guidance_scale=3, reveal="raster", known_cells="cached",
    )  # fmt: skip
    frames(handlers, "generate", Drawing(), controls)
    assert studio.requests == [
        Generate(
            "fake",
            None,
            1,
            Settings(3, "linear", 0.5, 2, 5, 0.9, 3, "constant", "constant", "raster", "cached", 7),
        )
    ]


def test_steps_are_drawn_only_for_those_who_want_to_see_them(
    studio: FakeStudio, handlers: Handlers
) -> None:
    drawn = opened(studio, 8)
    for action in ("fill", "generate", "outpaint"):
        frames(handlers, action, drawn, CHOSEN._replace(previews=False, left=8))
    assert [request.previews for request in studio.requests] == [False] * 3


def test_a_refinement_is_told_in_words_and_can_be_switched_off(
    studio: FakeStudio, handlers: Handlers
) -> None:
    drawn = opened(studio, 8)
    shown = frames(handlers, "fill", drawn)
    first = shown[0].frame
    assert first["context"]["refine"] is True
    frames(handlers, "fill", drawn, CHOSEN._replace(refine=False))
    assert [getattr(request, "refine", None) for request in studio.requests] == [True, False]

    def refining(request: Request) -> Iterator[Refining]:
        del request
        yield from (Refining(1, 2), Refining(2, 2))

    studio.run = refining  # pyright: ignore[reportAttributeAccessIssue]
    told = frames(handlers, "fill", drawn)
    assert [s.frame["kind"] for s in told] == ["refining"] * 2
    assert [s.status for s in told] == [f"Refining: window {number} of 2" for number in (1, 2)]
    assert all(s.is_running for s in told)


def test_texture_is_borrowed_where_it_is_wished_and_told_in_words(
    studio: FakeStudio, handlers: Handlers
) -> None:
    drawn = opened(studio, 8)
    for action in ("fill", "outpaint"):
        for wish in (True, False):
            shown = frames(handlers, action, drawn, CHOSEN._replace(borrow=wish, left=8))
            assert shown[0].frame.get("context", {}).get("borrow", wish) is wish
    assert [getattr(request, "borrow", None) for request in studio.requests] == [True, False] * 2
    studio.run = lambda _: iter([Refining(2, 3, borrows=True)])  # pyright: ignore[reportAttributeAccessIssue]
    (told,) = frames(handlers, "fill", drawn)
    assert told.frame["kind"] == "refining"
    assert told.status == "Borrowing texture: picture 2 of 3"


def test_new_pictures_have_settings_of_their_own_until_one_is_changed() -> None:
    wilder = Settings(temperature=1.5, guidance_scale=2.5)
    studio = FakeStudio(replace(INFO, for_new=wilder))
    handlers = Handlers(studio)
    for controls in (CHOSEN, CHOSEN._replace(steps=3), CHOSEN._replace(known_cells="cached")):
        frames(handlers, "generate", Drawing(), controls)
        frames(handlers, "fill", opened(studio, 8), controls)
    found = [request.settings for request in studio.requests]
    plain, new = Settings(seed=7), replace(wilder, seed=7)
    changed, once = replace(plain, steps=3), replace(plain, known_cells="cached")
    assert found == [new, plain, changed, changed, replace(new, known_cells="cached"), once]


def test_guidance_of_what_stands_out_is_no_change_of_settings_for_new_pictures() -> None:
    wilder = Settings(temperature=1.5, guidance_scale=2.5)
    studio = FakeStudio(replace(INFO, for_new=wilder, stand_out=6.0))
    strong = CHOSEN._replace(guidance_scale=6)
    for action, drawn in (("generate", Drawing()), ("fill", opened(studio, 8))):
        frames(Handlers(studio), action, drawn, strong)
    found = [request.settings for request in studio.requests]
    assert found == [replace(wilder, seed=7), Settings(seed=7, guidance_scale=6.0)]


@pytest.mark.parametrize(
    "named", [{}, {"steps": 3}, {"guidance_scale": 6.0}, {"temperature": 1.0, "seed": 5}]
)
def test_a_program_that_names_a_setting_changes_no_other(named: dict[str, Any]) -> None:
    wilder = Settings(temperature=1.5, guidance_scale=2.5)
    studio = FakeStudio(replace(INFO, for_new=wilder, stand_out=6.0))
    answer = Handlers(studio).service.generate({"label": 970, "settings": named})
    assert answer["ok"], answer
    assert studio.requests[0].settings == replace(wilder, **named)


def test_a_schedule_of_ones_own_reaches_the_model(studio: FakeStudio, handlers: Handlers) -> None:
    frames(handlers, "generate", Drawing(), CHOSEN._replace(schedule="custom:1,0.5,0"))
    assert studio.requests[0].settings.schedule == "custom:1,0.5,0"


def test_a_new_picture_says_its_size_in_every_frame(handlers: Handlers) -> None:
    shown = frames(handlers, "generate", Drawing())
    assert all(s.frame["size"] == [SIZE, SIZE] for s in shown)


def test_a_larger_picture_says_where_the_old_one_lies(
    studio: FakeStudio, handlers: Handlers
) -> None:
    shown = frames(handlers, "outpaint", opened(studio), CHOSEN._replace(left=10, bottom=4))
    assert isinstance(studio.requests[0], Outpaint)
    assert shown[-1].frame["size"] == [70, 44]
    assert shown[-1].frame["origin"] == [10, 0]
    assert shown[-1].frame["patches"][0]["width"] == 70


def test_variations_of_a_large_picture_are_as_many_as_memory_holds(
    studio: FakeStudio, handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.desk.MAX_PIXELS_AT_ONCE", 2 * 60 * 40)
    drawn = opened(studio, 8)
    assert frames(handlers, "fill", drawn, CHOSEN._replace(variations=2))[-1].frame["patches"]
    refused = frames(handlers, "fill", drawn, CHOSEN._replace(variations=4))[-1].frame
    assert refused["message"] == "Of 60 x 40 pixels, at most 2 variations fit at once."


def test_filling_all_of_a_blank_picture_makes_a_new_one(
    studio: FakeStudio, handlers: Handlers
) -> None:
    frames(handlers, "fill", drawing(None, 32, 32, tuple(range(16))))
    assert isinstance(studio.requests[0], Generate)


def test_nothing_painted_is_a_sentence(studio: FakeStudio, handlers: Handlers) -> None:
    assert only_error(frames(handlers, "fill", opened(studio)))["message"] == Sentence(
        "said.nothing_painted"
    )


def test_a_window_that_holds_nothing_painted_is_a_sentence(
    studio: FakeStudio, handlers: Handlers
) -> None:
    message = only_error(frames(handlers, "fill", opened(studio, 0, grid=8, span=4, at=[2, 4])))
    assert message["message"] == Sentence("said.nothing_in_window")
    assert studio.requests == []


def test_too_little_paint_for_the_coverage_is_a_sentence(
    studio: FakeStudio, handlers: Handlers
) -> None:
    thin = opened(studio, 0, grid=8, coverage=0.5)
    message = only_error(frames(handlers, "fill", thin))["message"]
    assert message == Sentence("said.too_little_covered", percent=50)


def test_a_fill_in_a_small_window_asks_for_that_window(
    studio: FakeStudio, handlers: Handlers
) -> None:
    frames(handlers, "fill", opened(studio, 12 * 3 + 5, grid=8, span=4, at=[2, 4]))
    (request,) = studio.requests
    assert isinstance(request, Fill)
    assert request.window is not None
    assert request.cells is not None
    assert (request.window.left, request.window.top, request.window.side) == (20, 10, 20)
    assert np.argwhere(request.cells).tolist() == [[1, 1]]
    assert request.region.sum() == 25


def test_no_picture_is_a_sentence(handlers: Handlers) -> None:
    assert only_error(frames(handlers, "fill", Drawing()))["message"] == Sentence("said.no_picture")


def test_no_sides_is_a_sentence(studio: FakeStudio, handlers: Handlers) -> None:
    assert only_error(frames(handlers, "outpaint", opened(studio)))["message"] == Sentence(
        "said.no_sides"
    )


def test_an_enormous_picture_is_refused(studio: FakeStudio, handlers: Handlers) -> None:
    huge = CHOSEN._replace(left=8000, bottom=8000)
    assert "at most" in only_error(frames(handlers, "outpaint", opened(studio), huge))["message"]


def test_a_forgotten_picture_is_asked_for_once(handlers: Handlers) -> None:
    lost = drawing("f" * 32, painted=(1,))
    assert only_error(frames(handlers, "fill", lost))["code"] == "unknown-picture"
    again = list(handlers.run("fill", lost, CHOSEN, is_retry=True))
    assert only_error(again)["code"] == "refused"


def test_a_picture_of_another_size_is_not_taken_for_the_one_on_the_canvas(
    studio: FakeStudio, handlers: Handlers
) -> None:
    other = studio.keep(np.zeros((8, 8, 3), np.uint8))
    error = only_error(frames(handlers, "fill", drawing(other, painted=(1,))))
    assert error["code"] == "unknown-picture"


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": 3},
        {"label": "alp"},
        {"variations": 3},
        {"steps": 0},
        {"steps": "8"},
        {"steps": float("nan")},
        {"schedule": "cosin"},
        {"temperature": -1},
        {"choice_temperature": None},
        {"top_k": 17},
        {"top_k": 2.5},
        {"steps": 3.7},
        {"seed": 1.5},
        {"seed": MAX_SEED, "variations": 2},
        {"top_p": 0},
        {"guidance_scale": 1e9},
        {"reveal": ""},
        {"known_cells": "kept"},
        {"seed": -1},
        {"seed": None},
    ],
    ids=str,
)
def test_values_out_of_range_are_refused_with_what_is_allowed(
    handlers: Handlers, wrong: dict[str, Any]
) -> None:
    message = only_error(frames(handlers, "generate", Drawing(), CHOSEN._replace(**wrong)))[
        "message"
    ]
    assert "is not allowed; it must be" in message


def test_a_refusal_gives_limits_in_full_and_leaves_the_seed_alone(handlers: Handlers) -> None:
    *_, shown = handlers.run("generate", Drawing(), CHOSEN._replace(seed=None))
    assert shown.frame["message"] == (
        "Seed: nothing is not allowed; it must be a whole number, 0 to 2147483647."
    )
    assert shown.seed is None
    *_, shown = handlers.run("generate", Drawing(), CHOSEN._replace(seed=MAX_SEED, variations=4))
    assert "2147483647 is not allowed; it must be a whole number, 0 to 2147483644" in shown.status


@pytest.mark.parametrize("name", Controls._fields)
def test_whatever_a_page_sends_as_a_control_is_taken_or_refused(
    studio: FakeStudio, handlers: Handlers, name: str
) -> None:
    drawn = opened(studio, 3)
    actions: tuple[Action, ...] = ("fill", "generate", "outpaint")
    for value in ("x", None, [], {"a": 1}, float("nan"), 10**30, True, 0.5):
        for action in actions:
            last = frames(handlers, action, drawn, CHOSEN._replace(**{name: value}))[-1].frame
            assert last["kind"] == "done" or last["code"] in ("refused", "no-model")


def test_a_fault_is_a_sentence_and_goes_to_the_log(
    studio: FakeStudio,
    handlers: Handlers,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(studio, "run", lambda _: iter([1 // 0]))
    monkeypatch.setattr(studio, "keep", None)
    assert only_error(frames(handlers, "generate", Drawing()))["code"] == "fault"
    assert "A run failed" in caplog.text


def test_stopping_closes_the_run_and_keeps_nothing(studio: FakeStudio, handlers: Handlers) -> None:
    drawn = opened(studio, 3)
    kept = len(studio.pictures)
    run = handlers.run("fill", drawn, CHOSEN)
    assert [s.frame["kind"] for s in itertools.islice(run, 3)] == ["start", "step", "step"]
    run.close()  # what Gradio does when Stop is pressed
    assert studio.closed == 1
    assert len(studio.pictures) == kept


def test_stopped_names_the_run() -> None:
    shown = Handlers(FakeStudio()).stopped("abc")
    assert shown.frame == {"run": "abc", "kind": "stopped", "message": Sentence("said.stopped")}


def test_a_random_seed_is_shown_and_used(studio: FakeStudio, handlers: Handlers) -> None:
    shown = frames(handlers, "generate", Drawing(), Controls(label=970))
    assert shown[0].seed == studio.requests[0].settings.seed
    assert shown[0].seed != frames(handlers, "generate", Drawing(), Controls(label=970))[0].seed


def test_an_upload_comes_back_as_a_lossless_picture(studio: FakeStudio, handlers: Handlers) -> None:
    answer = handlers.open_picture({"name": "a", "data": base64.b64encode(b"abc").decode()})
    assert answer["ok"]
    assert (answer["width"], answer["height"]) == (60, 40)
    assert answer["png"].startswith("data:image/png;base64,")
    assert handlers.has_picture([{"id": answer["id"]}])["known"]
    assert studio.picture(answer["id"]) is not None


@pytest.mark.parametrize(
    "request_",
    [None, [], 3, {}, {"data": 3}, {"data": "%"}, {"data": ""}, [{"data": "€"}]],
    ids=str,
)
def test_a_bad_upload_is_an_answer(handlers: Handlers, request_: object) -> None:
    answer = handlers.open_picture(request_)
    assert not answer["ok"]
    assert answer["error"]["message"]


def test_an_upload_that_is_too_large_is_refused_before_it_is_read(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.uploads.MAX_FILE_BYTES", 3)
    assert handlers.open_picture({"data": "A" * 12})["error"]["code"] == "too-large"


def test_a_crowd_of_uploads_is_told_to_wait(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.handlers.PATIENCE_S", 0)
    for _ in range(2):
        handlers._uploads.acquire()
    assert handlers.open_picture({"data": "AAAA"})["error"]["code"] == "busy"


@pytest.mark.parametrize("name", ["", "dahlia"])
def test_examples_open_by_name(handlers: Handlers, name: str) -> None:
    assert handlers.open_example({"name": name})["ok"]


@pytest.mark.parametrize("name", ["../CREDITS.md", "nothing", None, 3, ["dahlia"]])
def test_only_examples_open_as_examples(handlers: Handlers, name: object) -> None:
    assert handlers.open_example({"name": name})["error"]["message"] == Sentence("said.no_example")


def test_an_example_brings_its_class_where_the_model_knows_it(handlers: Handlers) -> None:
    assert handlers.class_for("mountains") == 970
    assert handlers.class_for("coffee") is None
    assert handlers.class_for("nothing") is None
