"""How figures are shown and kept: tables, pages, plots, sheets."""

import json
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgit.evaluation.plot import line_chart
from maskgit.evaluation.report import Report, command, table, write_json, write_section
from maskgit.evaluation.sheets import columns_of, evenly, grid, to_webp, with_hole
from tests.models import some_picture

REPORT = Report(
    part="generation",
    title="Generation",
    method="As it is done.",
    model="small",
    extractor="eyes",
    classifier="a child",
    tables={"Figures": [{"pictures": "generated", "fid": 3.14159}]},
    pictures={"Samples": "generation.webp"},
)


def test_numbers_of_an_axis_do_not_lie_over_each_other() -> None:
    points = [(x, 1.0 * x) for x in (100, 200, 390, 400)]
    root = ET.fromstring(line_chart("Title", "step", "loss", {"a": points}))
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"100", "200", "400"} <= set(words)
    assert "390" not in words


def test_a_table_lines_up_and_leaves_what_is_missing_empty() -> None:
    rows = [{"pictures": "real", "is": 4.0}, {"pictures": "made", "is": 12.345, "recall": 0.5}]
    assert table(rows).splitlines() == [
        "| pictures |    IS | recall |",
        "| -------- | ----: | -----: |",
        "| real     | 4.000 |        |",
        "| made     |  12.3 | 50.0 % |",
    ]


def test_a_command_can_be_pasted() -> None:
    assert command(["evaluate", "--data", "my data"]) == (
        "python -m maskgit evaluate --data 'my data'"
    )


def test_the_figures_are_kept_with_who_made_them_and_where(tmp_path: Path) -> None:
    write_json(REPORT, tmp_path / "new" / "generation.json", ["evaluate", "generation"])
    kept = json.loads((tmp_path / "new" / "generation.json").read_text())
    assert kept["tables"]["Figures"][0]["fid"] == 3.14159  # not rounded
    assert kept["extractor"] == "eyes"
    assert kept["command"] == "python -m maskgit evaluate generation"
    assert {"device", "cores", "threads", "torch", "python", "maskgit"} <= set(kept["machine"])


def test_a_section_says_how_it_was_made_and_who_looked(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "results.md"
    write_section(REPORT, page, tmp_path / "docs" / "results", ["evaluate", "generation"])
    text = page.read_text()
    assert text.startswith("# Results\n")
    assert "Features: eyes. Classes: a child." in text
    assert "```sh\npython -m maskgit evaluate generation\n```" in text
    assert "![Samples](results/generation.webp)" in text


def test_a_section_is_replaced_and_all_else_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text("# Ours\n\nWritten by hand.\n")
    other = replace(REPORT, part="editing", title="Editing")
    for report in (REPORT, other, replace(REPORT, method="Done \\1 anew.")):
        write_section(report, page, tmp_path, [])
    text = page.read_text()
    assert text.startswith("# Ours\n\nWritten by hand.\n")
    assert re.findall("^## .*", text, re.MULTILINE) == ["## Generation", "## Editing"]
    assert "Done \\1 anew." in text
    assert text.count("As it is done.") == 1


def test_a_chart_shows_every_point_of_every_line() -> None:
    lines = {"cosine": [(4.0, 10.0), (8.0, 7.5), (16.0, 7.0)], "a & b": [(4.0, 12.0), (16.0, 9.0)]}
    root = ET.fromstring(line_chart("FID < 13", "steps", "FID", lines))
    tag = "{http://www.w3.org/2000/svg}"
    assert len(list(root.iter(f"{tag}circle"))) == 5
    texts = [found.text for found in root.iter(f"{tag}text")]
    assert {"FID < 13", "steps", "FID", "cosine", "a & b", "4", "8", "16"} <= set(texts)


def test_equal_distances_in_powers_of_two_and_higher_values_higher_up() -> None:
    root = ET.fromstring(line_chart("", "", "", {"line": [(4.0, 1.0), (8.0, 2.0), (16.0, 3.0)]}))
    corners = root.find("{http://www.w3.org/2000/svg}polyline")
    assert corners is not None
    points = [tuple(map(float, p.split(","))) for p in corners.attrib["points"].split()]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1)
    assert y0 > y1 > y2


def test_a_flat_line_of_one_point_can_be_drawn() -> None:
    assert "circle" in line_chart("", "", "", {"line": [(8.0, 0.0)]})


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ({}, "nothing to draw"),
        ({"line": [(0.0, 1.0)]}, "above 0"),
        ({"line": [(1.0, math.nan)]}, "finite"),
        ({str(i): [(1.0, 1.0)] for i in range(9)}, "at most 8 lines"),
    ],
)
def test_a_chart_that_cannot_be_read_is_refused(
    lines: dict[str, list[tuple[float, float]]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        line_chart("", "", "", lines)


def test_a_sheet_holds_every_picture_in_its_place() -> None:
    pictures = np.stack([some_picture(8, 6, seed) for seed in range(5)])
    sheet = grid(pictures, columns=3)
    assert sheet.shape == (2 * 8 + 2, 3 * 6 + 4, 3)
    assert np.array_equal(sheet[10:, 8:14], pictures[4])
    with pytest.raises(ValueError, match="needs pictures"):
        grid(pictures[:0], columns=3)


def test_what_belongs_together_stands_in_one_column() -> None:
    above, below = (np.stack([some_picture(4, 4, s + i) for i in range(3)]) for s in (0, 5))
    assert np.array_equal(columns_of([above, below])[6:, 6:10], below[1])


def test_places_are_even_and_all_where_there_are_few() -> None:
    assert evenly(9, 3) == [0, 4, 8]
    assert evenly(2, 10) == [0, 1]


def test_holes_are_grey_and_the_rest_is_as_it_was() -> None:
    pictures = some_picture(4, 4)[None]
    region = np.eye(4, dtype=bool)
    holes = with_hole(pictures, region)
    assert (holes[:, region] == 128).all()
    assert np.array_equal(holes[:, ~region], pictures[:, ~region])


def test_webp_can_be_read_again_and_what_is_too_large_is_refused() -> None:
    picture = np.full((16, 24, 3), (200, 100, 50), np.uint8)
    again = cv2.imdecode(np.frombuffer(to_webp(picture), np.uint8), cv2.IMREAD_COLOR)
    assert again is not None
    assert np.abs(again[..., ::-1].astype(int) - picture).max() < 8
