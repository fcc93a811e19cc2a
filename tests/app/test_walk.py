"""Walking in a decode as the canvas and scripts do: every question, and what may not be asked."""

import base64
import io
import json
import pickle
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib.machinery import ModuleSpec
from inspect import isgenerator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import maskgit
from app.answers import Answer
from app.document import pack
from app.handlers import Handlers
from app.models import Settings
from app.runs import Generate
from app.scene import MAX_EDITS, MAX_STATE
from app.studio import ModelStore, Studio
from app.studio.walk import QUESTIONS, Walker
from app.walk import AT_ONCE, Walk
from maskgit.contact_sheet import contact_sheet
from maskgit.inspection import PATCH_CELLS
from maskgit.state_text import to_text
from tests.models import some_picture

GRID, CODES, SIZE, CELL = 4, 32, 32, 8
ALL = "ffff"


@pytest.fixture(scope="module")
def studio(small_engine: maskgit.MaskGIT) -> Studio:
    return Studio(ModelStore(small_engine, "small"))


@pytest.fixture(scope="module")
def walk(studio: Studio) -> Walk:
    return Handlers(studio).walk


def ok(answer: Answer) -> Answer:
    assert answer["ok"], answer
    json.dumps(answer)
    return answer


def refused(answer: Answer) -> str:
    assert not answer["ok"]
    assert answer["error"]["code"] != "fault"
    return answer["error"]["message"]


def begun(walk: Walk, **settings: Any) -> Answer:
    return ok(walk.start({"model": "small", "label": 1000, "settings": {"seed": 5, **settings}}))


def painted(studio: Studio) -> dict[str, Any]:
    """Two rows of a picture of 40 x 60 px are painted."""
    cells = np.zeros((4, 6), bool)
    cells[1:3, 1:4] = True
    picture = studio.keep(some_picture(40, 60))
    about = {"picture": picture, "width": 60, "height": 40, "grid": GRID}
    return {**about, "cells": pack(cells), "count": 6}


def on(frame: Answer, start: Answer, **more: Any) -> dict[str, Any]:
    return {"context": start["context"], "state": frame["state"], **more}


def ended(walk: Walk, start: Answer) -> Answer:
    frame = start
    while not frame["done_decoding"]:
        frame = ok(walk.step(on(frame, start)))
    return frame


def tokens(frame: Answer) -> np.ndarray:
    return np.frombuffer(base64.b64decode(frame["tokens"]), "<u2")


def pixels(url: str) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))


def test_stepping_gives_what_the_engine_gives_at_once(
    walk: Walk, small_engine: maskgit.MaskGIT
) -> None:
    start = begun(walk)
    assert (start["kind"], start["step"], start["steps"], start["open"]) == ("start", 0, 4, ALL)
    assert start["size"] == [SIZE, SIZE]
    end = ended(walk, start)
    assert (end["kind"], end["step"], end["masked"]) == ("step", 4, "0000")
    done = ok(walk.finish(on(end, start)))
    result = small_engine.generate(1000, seed=5)
    np.testing.assert_array_equal(pixels(done["patches"][0]["png"]), result.pictures[0])
    assert done["patches"][0]["seed"] == 5


def test_a_fill_ends_as_the_page_would_end_it(
    walk: Walk, studio: Studio, small_engine: maskgit.MaskGIT
) -> None:
    drawing = painted(studio)
    for sent in (drawing, json.dumps(drawing)):
        request = {"label": 207, "settings": {"seed": 1, "feather": 1}, "drawing": sent}
        start = ok(walk.start({"model": "small", **request}))
        done = ok(walk.finish(on(ended(walk, start), start)))
        picture = some_picture(40, 60)
        patch = done["patches"][0]
        region = np.zeros((40, 60), bool)
        region[10:30, 10:40] = True
        window = maskgit.Window(*start["window"])
        cells = np.zeros((GRID, GRID), bool)
        column = (10 - window.left) // 10
        cells[1:3, column : column + 3] = True
        job = small_engine.prepare_edit(
            picture, region, 207, seed=1, window=window, cells=cells, feather=1.0
        )
        state = job.state
        while not state.finished:
            state = small_engine.step(state)
        expected = small_engine.finish(job, state).pictures[0]
        np.testing.assert_array_equal(pixels(patch["png"]), expected[10:30, 10:40])
        np.testing.assert_array_equal(studio.picture(done["picture_ids"][0]), expected)


def test_a_fill_of_several_classes_ends_as_the_engine_gives_it(
    walk: Walk, studio: Studio, small_engine: maskgit.MaskGIT
) -> None:
    right = np.zeros((4, 6), bool)
    right[1:3, 2:4] = True
    drawing = {**painted(studio), "classes": [[1003, pack(right)]]}
    request = {"label": 207, "settings": {"seed": 1}, "drawing": drawing}
    start = ok(walk.start({"model": "small", **request}))
    done = ok(walk.finish(on(ended(walk, start), start)))
    mask, region = np.zeros((2, 40, 60), bool)
    mask[10:30, 10:40] = region[10:30, 20:40] = True
    result = small_engine.edit(
        some_picture(40, 60),
        mask,
        207,
        regions={1003: region},
        seed=1,
        window=maskgit.Window(*start["window"]),
    )
    picture = studio.picture(done["picture_ids"][0])
    np.testing.assert_array_equal(picture, result.pictures[0])
    # Another class half-way is for the rest alone.
    again = ok(walk.steer(on(start, start, edits=[{"kind": "label", "label": 1004}])))
    labels = small_engine.restore(again["state"]).constraints.label_of_cells
    assert set(labels.view(-1).tolist()) == {3, 4}


def test_a_blank_picture_of_several_classes_is_a_new_one(
    walk: Walk, small_engine: maskgit.MaskGIT
) -> None:
    lower = np.zeros((4, 4), bool)
    lower[2:] = True
    about = {"picture": None, "width": 64, "height": 64, "grid": GRID, "cells": "ffff", "count": 16}
    drawing = {**about, "classes": [[1003, pack(lower)]]}
    request = {"label": 207, "settings": {"seed": 4}, "drawing": drawing}
    start = ok(walk.start({"model": "small", **request}))
    done = ok(walk.finish(on(ended(walk, start), start)))
    half = np.zeros((SIZE, SIZE), bool)
    half[SIZE // 2 :] = True
    result = small_engine.generate(207, regions={1003: half}, seed=4)
    np.testing.assert_array_equal(pixels(done["patches"][0]["png"]), result.pictures[0])


def test_a_class_that_the_model_lacks_is_a_sentence(walk: Walk, studio: Studio) -> None:
    cells = np.zeros((4, 6), bool)
    cells[1, 1] = True
    drawing = {**painted(studio), "classes": [[999, pack(cells)]]}
    assert "999" in refused(walk.start({"model": "small", "label": 207, "drawing": drawing}))


def test_the_states_of_a_run_are_those_that_walking_gives(studio: Studio) -> None:
    handlers = Handlers(studio)
    from app.canvas.drawing import Drawing
    from app.controls import Controls

    controls = Controls("small", 1000, randomise=False, seed=5, steps=4, choice_temperature=4.5)
    frames = [shown.frame for shown in handlers.run("generate", Drawing(), controls)]
    frame = start = begun(handlers.walk, choice_temperature=4.5)
    assert frames[0]["context"] == start["context"]
    for shown in frames[:-1]:
        assert shown["state"] == frame["state"]
        frame = ok(handlers.walk.step(on(frame, start)))


def test_a_look_shows_what_the_step_showed(walk: Walk) -> None:
    start = begun(walk)
    step = ok(walk.step(on(start, start)))
    look = ok(walk.look(on(step, start)))
    assert look["image"] == step["image"]
    assert pixels(look["image"]).shape == (SIZE, SIZE, 3)


def test_a_step_without_a_picture_is_the_same_step(walk: Walk) -> None:
    start = begun(walk)
    step = ok(walk.step(on(start, start)))
    assert ok(walk.step(on(start, start, previews=False))) == {**step, "image": None}


def test_the_map_shows_where_the_model_is_undecided(walk: Walk) -> None:
    start = begun(walk)
    step = ok(walk.step(on(start, start)))
    entropy = np.frombuffer(base64.b64decode(ok(walk.maps(on(step, start)))["entropy"]), np.uint8)
    masked = np.unpackbits(np.frombuffer(bytes.fromhex(step["masked"]), np.uint8)).astype(bool)
    assert (entropy[~masked] == 0).all()
    assert (entropy[masked] > 0).any()


def test_a_cell_has_ten_likely_codes_with_their_looks(walk: Walk) -> None:
    start = begun(walk)
    end = ended(walk, start)
    found = ok(walk.inspect(on(end, start, cell=6)))
    assert (found["cell"], found["code"]) == (6, int(tokens(end)[6]))
    logits = np.frombuffer(base64.b64decode(found["logits"]), "<f2").astype(np.float64)
    assert len(logits) == CODES
    p = np.exp(logits - logits.max())
    p /= p.sum()
    assert found["entropy"] == pytest.approx(float(-(p * np.log(p)).sum()), abs=0.01)
    assert len(found["top"]) == 10
    assert p[found["top"][0]["code"]] == p.max()
    assert pixels(found["top"][9]["patch"]).shape == (PATCH_CELLS * CELL, PATCH_CELLS * CELL, 3)


def test_a_pinned_group_survives_everything_else(walk: Walk) -> None:
    start = begun(walk)
    half = ok(walk.step(on(ok(walk.step(on(start, start))), start)))
    edits = [
        {"kind": "pin", "cells": "f000"},
        {"kind": "remask", "cells": ALL},
        {"kind": "label", "label": 207},
        {"kind": "options", "steps": 6, "temperature": 2, "seed": 9, "schedule": "linear"},
    ]
    steered = ok(walk.steer(on(half, start, edits=edits)))
    assert (steered["kind"], steered["pinned"], steered["step"]) == ("step", "f000", 2)
    assert steered["masked"] == "0fff"
    end = ended(walk, {**steered, "context": start["context"]})
    assert end["step"] == end["steps"]
    np.testing.assert_array_equal(tokens(end)[:4], tokens(half)[:4])
    assert (tokens(end)[4:] != tokens(half)[4:]).any()


def test_without_edits_a_steer_shows_the_state_as_it_is(walk: Walk) -> None:
    start = begun(walk)
    step = ok(walk.step(on(start, start)))
    shown = ok(walk.steer(on(step, start, edits=[])))
    assert {**shown, "pinned": None} == {**step, "pinned": None}


def test_choosing_and_banning_a_code(walk: Walk) -> None:
    start = begun(walk, temperature=0)
    end = ended(walk, start)
    code = int(tokens(end)[7])
    edits = [{"kind": "choose", "cell": 3, "code": 11}, {"kind": "ban", "code": code, "cell": None}]
    again = ok(walk.steer(on(end, start, edits=edits)))
    other = ended(walk, {**again, "context": start["context"]})
    assert tokens(other)[3] == 11
    assert code not in np.delete(tokens(other), 3)
    unpinned = [{"kind": "unpin", "cells": "1000"}, {"kind": "remask", "share": 1.0}]
    assert ok(walk.steer(on(other, start, edits=unpinned)))["masked"] == ALL


def test_the_share_that_goes_back_is_the_least_certain_one(walk: Walk) -> None:
    start = begun(walk)
    end = ended(walk, start)
    again = ok(walk.steer(on(end, start, edits=[{"kind": "remask", "share": 0.25}])))
    sure = np.frombuffer(base64.b64decode(end["confidence"]), np.uint8)
    back = np.unpackbits(np.frombuffer(bytes.fromhex(again["masked"]), np.uint8)).astype(bool)
    assert back.sum() == 4
    assert sure[back].max() <= sure[~back].min()


def test_the_tokenizer_alone(walk: Walk, studio: Studio) -> None:
    drawing = painted(studio)
    start = ok(walk.start({"model": "small", "label": 207, "drawing": drawing}))
    image = ok(walk.reconstruct({"context": start["context"]}))["image"]
    assert pixels(image).shape == (SIZE, SIZE, 3)
    assert "no original" in refused(walk.reconstruct({"context": begun(walk)["context"]}))


def states_of(walk: Walk, start: Answer) -> list[str]:
    states, frame = [start["state"]], start
    while not frame["done_decoding"]:
        frame = ok(walk.step(on(frame, start)))
        states.append(frame["state"])
    return states


@pytest.mark.parametrize("kind", ["gif", "webp", "mp4"])
def test_states_make_a_film(walk: Walk, kind: str) -> None:
    start = begun(walk)
    request = {"context": start["context"], "states": states_of(walk, start), "format": kind}
    answer = ok(walk.film({**request, "overlay": "mask", "seconds_per_step": 0.1}))
    assert answer["name"] == f"maskgit.{kind}"
    data = base64.b64decode(answer["data"])
    if kind != "mp4":
        assert getattr(Image.open(io.BytesIO(data)), "n_frames", 1) == 5
    assert data != base64.b64decode(ok(walk.film(request))["data"])


def test_states_make_a_trace(walk: Walk, small_engine: maskgit.MaskGIT) -> None:
    start = begun(walk)
    states = states_of(walk, start)
    request = {"context": start["context"], "states": states}
    files = {kind: ok(walk.trace({**request, "format": kind})) for kind in ("npz", "json", "png")}
    data = {kind: base64.b64decode(answer["data"]) for kind, answer in files.items()}
    with np.load(io.BytesIO(data["npz"])) as trace:
        assert trace["state"].tolist() == states
        assert trace["model"] == "small"
    assert [each["state"] for each in json.loads(data["json"])["states"]] == states
    sheet = contact_sheet(small_engine, [small_engine.restore(state) for state in states])
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(data["png"]))), sheet)


def test_what_cannot_be_filmed_is_a_sentence(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    start = begun(walk)
    request = {"context": start["context"], "states": [start["state"]] * 3, "format": "gif"}
    assert "format" in refused(walk.film({**request, "format": "avi"}))
    assert "overlay" in refused(walk.film({**request, "overlay": "map"}))
    assert "seconds" in refused(walk.film({**request, "seconds_per_step": 99}))
    assert "states" in refused(walk.film({**request, "states": []}))
    assert "512" in refused(walk.trace({**request, "states": [""] * 513, "format": "json"}))
    assert "not a packed state" in refused(walk.film({**request, "states": ["AAAA"]}))
    monkeypatch.setattr("app.studio.walk.MAX_PIXELS", 2 * SIZE**2)
    assert "at most 2" in refused(walk.film(request))


def test_a_decode_with_masked_cells_is_not_finished(walk: Walk) -> None:
    start = begun(walk)
    assert "still masked" in refused(walk.finish(on(start, start)))


def test_a_picture_that_was_forgotten_is_asked_for(walk: Walk, studio: Studio) -> None:
    lost = {**painted(studio), "picture": "0" * 32}
    answer = walk.start({"model": "small", "label": 207, "drawing": lost})
    assert answer["error"]["code"] == "unknown-picture"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (None, "the request"),
        ([], "the request"),
        ({"model": 3}, "model"),
        ({"model": "none of ours"}, "no model"),
        ({"label": "rose"}, "label"),
        ({"label": 3}, "appear"),
        ({"settings": {"speed": 1}}, "speed"),
        ({"settings": {"steps": 99}}, "Steps"),
        ({"settings": {"steps": "4"}}, "Steps"),
        ({"settings": {"seed": -1}}, "Seed"),
        ({"settings": []}, "settings"),
        ({"drawing": "{"}, "drawing"),
        ({"drawing": {"width": 3}}, "drawing"),
        ({"more": 1}, "more"),
    ],
)
def test_what_cannot_begin_is_a_sentence(walk: Walk, request_: Any, words: str) -> None:
    message = refused(walk.start(request_))
    assert words in message
    assert message.endswith(".")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "AAAA"}, "not a packed state"),
        ({"state": "A" * (MAX_STATE + 1)}, "state"),
        ({"state": None}, "state"),
        ({"context": {}}, "context.model"),
        ({"context": {"model": "x", "window": [0, 0, 1]}}, "no model"),
        ({"context": {"model": "small", "window": [0, 0, 0]}}, "context.window"),
        ({"context": {"model": "small", "window": [0, 0]}}, "context.window"),
        ({"cell": 16}, "0 to 15"),
        ({"cell": -1}, "cell"),
        ({"cell": True}, "cell"),
        ({"cell": None}, "cell"),
    ],
    ids=str,
)
def test_what_cannot_be_looked_at_is_a_sentence(
    walk: Walk, change: dict[str, Any], words: str
) -> None:
    start = begun(walk)
    assert words in refused(walk.inspect({**on(start, start, cell=3), **change}))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (3, "edits.0"),
        ({}, "edits.0"),
        ({"kind": "explode"}, "edits.0"),
        ({"kind": "pin"}, "cells"),
        ({"kind": "pin", "cells": "f"}, "4 hexadecimal digits"),
        ({"kind": "pin", "cells": "XYZ0"}, "cells"),
        ({"kind": "pin", "cells": "f000f000"}, "4 hexadecimal digits"),
        ({"kind": "pin", "cells": ALL}, "nothing is drawn"),
        ({"kind": "unpin", "cells": ALL}, "pinned"),
        ({"kind": "choose", "cell": 16, "code": 1}, "0 to 15"),
        ({"kind": "choose", "cell": 1, "code": 32}, "0 to 31"),
        ({"kind": "ban", "code": 32}, "0 to 31"),
        ({"kind": "remask"}, "one of the two"),
        ({"kind": "remask", "share": 2}, "share"),
        ({"kind": "remask", "share": 0}, "share"),
        ({"kind": "remask", "cells": ALL}, "go back"),
        ({"kind": "label", "label": 3}, "3"),
        ({"kind": "options", "steps": 0}, "steps"),
        ({"kind": "options", "steps": "4"}, "steps"),
        ({"kind": "options", "schedule": "fast"}, "schedule"),
        ({"kind": "options", "speed": 3}, "speed"),
    ],
    ids=str,
)
def test_what_cannot_be_steered_is_a_sentence(walk: Walk, edit: Any, words: str) -> None:
    start = begun(walk)
    assert words in refused(walk.steer(on(start, start, edits=[edit])))


def test_too_many_edits_at_once_are_refused(walk: Walk) -> None:
    start = begun(walk)
    edits = [{"kind": "label", "label": 1000}] * (MAX_EDITS + 1)
    assert "64" in refused(walk.steer(on(start, start, edits=edits)))


def test_a_program_that_names_a_setting_of_a_new_picture_changes_no_other(
    walk: Walk, studio: Studio, small_engine: maskgit.MaskGIT, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = studio.models.info
    wilder = Settings(temperature=1.5)
    monkeypatch.setattr(studio.models, "info", lambda name: replace(info(name), for_new=wilder))
    start = ok(walk.start({"model": "small", "label": 1000, "settings": {"steps": 3}}))
    options = small_engine.restore(start["state"]).options[0]
    assert (options.steps, options.temperature) == (3, 1.5)


def test_text_is_no_number(walk: Walk) -> None:
    start = begun(walk)
    context = {**start["context"], "feather": "0.5"}
    assert "feather" in refused(walk.step({**on(start, start), "context": context}))


def test_a_state_of_another_model_is_refused(walk: Walk, small_engine: maskgit.MaskGIT) -> None:
    start = begun(walk)
    text = to_text(small_engine.prepare_generate(1000).state)
    foreign = base64.b64encode(base64.b64decode(text)[:-4]).decode()
    assert "not a packed state" in refused(walk.step({**on(start, start), "state": foreign}))


def test_only_few_are_answered_at_once(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.walk.PATIENCE_S", 0)
    walk = Walk(studio)
    for _ in range(AT_ONCE):
        walk._places.acquire()
    answer = walk.start({"model": "small", "label": 1000})
    assert answer["error"]["code"] == "busy"


def test_a_walk_waits_for_the_pass_of_a_run_and_no_longer(studio: Studio, walk: Walk) -> None:
    start = begun(walk)
    done = threading.Event()

    def step() -> None:
        ok(walk.step(on(start, start)))
        done.set()

    with studio._pass:
        thread = threading.Thread(target=step)
        thread.start()
        assert not done.wait(0.2)
    thread.join(20)
    assert done.is_set()


def travelled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 (our own)


def test_what_is_asked_and_answered_can_be_sent_to_a_lent_gpu(
    small_engine: maskgit.MaskGIT, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`spaces` cannot lend here; what it does to a call, two pickles, is done in its place."""
    sent = set[str]()

    def lend(duration: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        assert duration > 0

        def lent(method: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **named: Any) -> Any:
                sent.add(method.__name__)
                args, named = travelled((args, named))
                answer = method(*args, **named)
                if isgenerator(answer):
                    return (travelled(part) for part in answer)
                return travelled(answer)

            return call

        return lent

    lender = ModuleType("spaces")
    lender.__spec__ = ModuleSpec("spaces", None)
    lender.GPU = lend  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, "spaces", lender)
    studio = Studio(ModelStore(small_engine, "small"))
    walk = Handlers(studio).walk
    start = ok(walk.start({"model": "small", "label": 207, "drawing": painted(studio)}))
    ok(walk.sketch({"model": "small", "drawing": painted(studio)}))
    ok(walk.steer(on(start, start, edits=[{"kind": "label", "label": 1000}])))
    ok(walk.inspect(on(start, start, cell=5)))
    ok(walk.vary(on(ended(walk, start), start, count=1)))
    ok(walk.look(on(start, start)))
    ok(walk.maps(on(start, start)))
    ok(walk.reconstruct({"context": start["context"]}))
    states = {"context": start["context"], "states": [start["state"]]}
    ok(walk.film({**states, "format": "gif"}))
    ok(walk.trace({**states, "format": "json"}))
    ok(walk.finish(on(ended(walk, start), start)))
    list(studio.run(Generate("small", 207, 1, Settings(steps=2, seed=1))))
    assert sent == {*QUESTIONS, "_passes"}
    assert {name for name in vars(Walker) if not name.startswith("_")} == set(QUESTIONS)


def test_pictures_close_to_a_result_change_no_more_than_the_share(
    walk: Walk, studio: Studio
) -> None:
    start = ok(walk.start({"model": "small", "settings": {"seed": 5}, "drawing": painted(studio)}))
    end = ended(walk, start)
    wish = {"share": 0.5, "seed": 9, "count": 3}
    close, again = (ok(walk.vary(on(end, start, **wish))) for _ in range(2))
    assert [patch["seed"] for patch in close["patches"]] == [9, 10, 11]
    assert close["patches"] == again["patches"]
    assert (close["start"]["kind"], close["start"]["step"]) == ("start", 0)
    assert [frame["step"] for frame in close["trace"]] == [*range(1, close["start"]["steps"] + 1)]
    reopened = int(close["start"]["masked"], 16).bit_count()
    assert 0 < reopened <= int(end["open"], 16).bit_count() / 2
    assert (tokens(close["trace"][-1]) != tokens(end)).sum() <= reopened
    further = ok(walk.vary(on(close["patches"][2], start)))
    assert len(further["patches"]) == 4
    assert "finished" in refused(walk.vary(on(start, start)))
    refused(walk.vary(on(end, start, share=0)))
    refused(walk.vary(on(end, start, count=17)))


def test_a_sketch_is_what_one_pass_finds_likeliest(walk: Walk, studio: Studio) -> None:
    def wish(**settings: Any) -> dict[str, Any]:
        return {"model": "small", "settings": settings, "drawing": painted(studio)}

    sketch = ok(walk.sketch(wish(seed=5, steps=8)))
    end = ended(walk, ok(walk.start(wish(seed=5, steps=1, temperature=0))))
    assert sketch["kind"] == "sketch"
    assert sketch["step"] == 1
    assert (sketch["image"], sketch["open"]) == (end["image"], end["open"])
    for other in (wish(seed=6, temperature=2), wish(seed=5, reveal="raster")):
        assert ok(walk.sketch(other))["image"] == sketch["image"]
    assert ended(walk, ok(walk.start(wish(seed=5, steps=1))))["image"] != sketch["image"]
    refused(walk.sketch({"model": "small"}))
