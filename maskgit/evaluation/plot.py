"""A line chart as SVG text: small, sharp at every size, readable on light and dark pages."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import TypeAlias

from maskgit.sampling import Number

Points: TypeAlias = Sequence[tuple[Number, Number]]
Place: TypeAlias = Callable[[Number, Number], tuple[float, float]]  # of a point on the chart

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 168, 40, 52  # margins; the legend stands on the right
NUMBER_WIDTH = 36  # of one under the x axis, with its margin
COLOURS = (  # Okabe and Ito 2008: told apart by colour-blind people, too
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7"),
    *("#e69f00", "#56b4e9", "#8c8c8c", "#b8a800"),
)


def line_chart(title: str, x_name: str, y_name: str, lines: Mapping[str, Points]) -> str:
    """Draw lines over a common scale, marks at the points, the x axis in powers of two.

    Raises:
        ValueError: If there is nothing to draw, more lines than colours, an x that is not above 0,
            or a value that is not finite.
    """
    points = [point for line in lines.values() for point in line]
    if not points:
        raise ValueError("nothing to draw: there are no points")
    if len(lines) > len(COLOURS):
        raise ValueError(f"at most {len(COLOURS)} lines can be told apart, got {len(lines)}")
    if not all(math.isfinite(x) and math.isfinite(y) and x > 0 for x, y in points):
        raise ValueError("every x must be above 0, and every value finite")
    columns = sorted({x for x, _ in points})
    ticks = _ticks(min(y for _, y in points), max(y for _, y in points))

    def place(x: Number, y: Number) -> tuple[float, float]:
        span = math.log2(columns[-1] / columns[0]) or 1.0
        right, up = math.log2(x / columns[0]) / span, (y - ticks[0]) / (ticks[-1] - ticks[0])
        return (
            round(LEFT + right * (WIDTH - LEFT - RIGHT), 1),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1),
        )

    parts = [_text(LEFT, 22, title, "bold 15px"), *_axes(columns, ticks, place, x_name, y_name)]
    for number, (name, line) in enumerate(lines.items()):
        corners = [place(*point) for point in sorted(line)]
        parts += _line(name, corners, COLOURS[number], TOP + 12 + 22 * number)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" fill="#777" style="background:#fff0">\n{body}\n</svg>\n'
    )


def _axes(
    columns: Sequence[Number], ticks: Sequence[float], place: Place, x_name: str, y_name: str
) -> Iterator[str]:
    """Draw a line for every tick, the numbers of both axes, and what they are of."""
    for tick in ticks:
        height = place(columns[0], tick)[1]
        yield f'<path d="M{LEFT} {height}H{WIDTH - RIGHT}" stroke="#888" stroke-opacity=".35"/>'
        yield _text(LEFT - 8, height + 4, f"{tick:g}", anchor="end")
    free = math.inf
    for x in reversed(columns):  # the last one always has its number, others where there is room
        if (middle := place(x, ticks[0])[0]) <= free:
            yield _text(middle, HEIGHT - 32, f"{x:g}", anchor="middle")
            free = middle - NUMBER_WIDTH
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_name, anchor="middle")
    name = _text(16, HEIGHT / 2, y_name, anchor="middle")
    yield f'<g transform="rotate(-90 16 {HEIGHT / 2})">{name}</g>'


def _line(
    name: str, corners: Sequence[tuple[float, float]], colour: str, height: int
) -> Iterator[str]:
    """Draw a line with marks at its points, and its name in the legend, so far down."""
    path = " ".join(f"{x},{y}" for x, y in corners)
    marks = "".join(f'<circle cx="{x}" cy="{y}" r="3.5"/>' for x, y in corners)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield f'<g fill="{colour}">{marks}</g>'
    start = WIDTH - RIGHT + 16
    dash = f'<path d="M{start} {height - 4}h20" stroke="{colour}" stroke-width="3"/>'
    yield dash + _text(start + 28, height, name)


def _text(x: Number, y: Number, text: str, font: str = "12px", anchor: str = "start") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" '
        f'style="font:{font} system-ui,sans-serif">{escape(text)}</text>'
    )


def _ticks(low: Number, high: Number) -> list[float]:
    """Give round numbers, about five, that reach from below `low` to above `high`."""
    size = max(abs(low), abs(high)) or 1.0
    span = high - low if high - low > 1e-9 * size else size  # less is a rounding
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]
