"""The arithmetic of branches and probabilities: scripts without a page, tried in the browser."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page

from app.words import LANGUAGES
from maskgit.sampling import shape

pytestmark = pytest.mark.browser

CANVAS = Path(__file__).resolve().parents[2] / "app" / "canvas"
FILES = [(CANVAS / name).read_text() for name in ("tree.js", "odds.js")]
SCRIPTS = "\n".join([LANGUAGES["en"].script("canvas"), *FILES])
TREE = """
  const forest = createForest();
  const grow = (id, parent, edit = "") => forest.add({ id, run: "r", parent, step: 0, edit });
  const run = (id) => forest.addRun({ id });
"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Any:
    page = browser.new_page()
    yield page
    page.close()


def evaluate(page: Page, body: str) -> Any:
    return page.evaluate(f"() => {{ {SCRIPTS}\n{TREE}\n{body} }}")


def test_the_newest_strokes_and_all_pictures_that_can_be_kept_are(page: Page) -> None:
    kept = page.evaluate(
        f"""() => {{
            {(CANVAS / "history.js").read_text()}
            const history = createHistory();
            for (let picture = 0; picture < 40; picture++) {{
                history.push({{ picture, stroke: 0 }});
                history.push({{ picture, stroke: 1 }});
            }}
            history.push({{ picture: 39, stroke: 2 }});
            history.move(-3);
            return history.entries.map(({{ picture, stroke }}) => [picture, stroke]);
        }}"""
    )
    assert len(kept) == 30
    assert kept[-3:] == [[39, 0], [39, 1], [39, 2]]
    pictures = sorted({picture for picture, _ in kept})
    assert pictures == list(range(pictures[0], 40))
    assert len(pictures) >= 24


def test_passes_in_a_row_are_one_line_and_an_edit_branches_off_below(page: Page) -> None:
    places = evaluate(
        page,
        """
        run("r");
        grow("0", null); grow("1", "0"); grow("2", "1"); grow("3", "2");
        grow("pin", "1", "pin"); grow("4", "pin");
        return layOut(forest).places.map(({ id, col, row, passes }) => [id, col, row, passes]);
        """,
    )
    assert places == [["0", 0, 0, 0], ["1", 1, 0, 0], ["3", 2, 0, 1], ["pin", 2, 1, 0],
                      ["4", 3, 1, 0]]  # fmt: skip


def test_what_is_open_is_drawn_even_amid_passes(page: Page) -> None:
    places = evaluate(
        page,
        """
        run("r"); grow("0", null); grow("1", "0"); grow("2", "1");
        return layOut(forest, "1").places.map(({ id }) => id);
        """,
    )
    assert places == ["0", "1", "2"]


def test_walking_up_goes_from_landmark_to_landmark(page: Page) -> None:
    seen = evaluate(
        page,
        """
        run("r"); grow("0", null); grow("1", "0"); grow("2", "1");
        grow("pin", "2", "pin"); grow("3", "pin"); grow("4", "3");
        const seen = [];
        for (let at = "4"; at !== null; at = forest.before(at)) seen.push(at);
        return seen;
        """,
    )
    assert seen == ["4", "pin", "2", "0"]


def test_a_node_goes_with_all_that_came_from_it_and_a_start_with_its_run(page: Page) -> None:
    gone, left, rest, runs = evaluate(
        page,
        """
        run("r"); grow("0", null); grow("1", "0"); grow("2", "1"); grow("a", "1", "pin");
        const gone = forest.remove("2");
        const left = [...forest.nodes.keys()];
        return [gone, left, forest.remove("0"), forest.runs.size];
        """,
    )
    assert gone == ["2"]
    assert left == ["0", "1", "a"]
    assert rest == ["0", "1", "a", "r"]
    assert runs == 0


def test_the_oldest_runs_make_room_but_never_the_one_in_use(page: Page) -> None:
    left = evaluate(
        page,
        """
        for (const id of ["a", "b", "c"]) {
          forest.addRun({ id });
          forest.add({ id: id + 0, run: id, step: 0 });
          forest.add({ id: id + 1, run: id, parent: id + 0, step: 1 });
        }
        forest.trim(4, "a");
        return [...forest.nodes.keys()];
        """,
    )
    assert left == ["a0", "a1", "c0", "c1"]


def test_thousands_of_nodes_are_laid_out_at_once(page: Page) -> None:
    count, rows, took_ms = evaluate(
        page,
        """
        run("r"); grow("0", null);
        for (let i = 1; i < 5000; i++) grow(String(i), String(Math.floor((i - 1) / 2)), "pin");
        const began = performance.now();
        const { places, rows } = layOut(forest);
        return [places.length, rows, performance.now() - began];
        """,
    )
    assert count == 5000
    assert rows == 2500  # one for each leaf
    assert took_ms < 200


def test_only_steps_of_one_window_are_compared(page: Page) -> None:
    found = evaluate(
        page,
        """
        const step = (tokens, window = [0, 0, 8]) => ({ grid: 2, window, tokens });
        const { cells, count } = differences(step([1, 2, 3, 4]), step([1, 7, 3, 9]));
        const other = differences(step([1, 2, 3, 4]), step([1, 2, 3, 4], [8, 0, 8]));
        return [[...cells], count, other];
        """,
    )
    assert found == [[0, 1, 0, 1], 2, None]


@pytest.mark.parametrize("temperature", [0.0, 0.5, 2.5])
@pytest.mark.parametrize("top_p", [0.5, 1.0])
def test_sliders_shape_the_odds_as_the_engine_does(
    page: Page, temperature: float, top_p: float
) -> None:
    logits = np.random.default_rng(3).normal(0, 3, 512).astype("<f2")
    sent = base64.b64encode(logits.tobytes()).decode()
    odds = evaluate(
        page,
        f"return [...shapeOdds(halvesOfBase64({json.dumps(sent)}), {temperature}, {top_p})];",
    )
    wanted = torch.from_numpy(logits.astype(np.float64))[None, None]
    if temperature:
        wanted = shape(wanted, [temperature], [0], [top_p]) / temperature
        wanted = wanted.softmax(-1)[0, 0].numpy()
    else:
        wanted = np.eye(512)[logits.argmax()]
    np.testing.assert_allclose(odds, wanted, atol=1e-6)


def test_entropy_and_percentages_are_what_people_expect(page: Page) -> None:
    entropy, words = evaluate(
        page,
        "return [entropyOf(new Float64Array(8).fill(1 / 8)), [0, 1e-5, 0.034, 0.5].map(percentOf)]",
    )
    assert entropy == pytest.approx(np.log(8))
    assert words == ["0 %", "< 0.1 %", "3.4 %", "50 %"]
