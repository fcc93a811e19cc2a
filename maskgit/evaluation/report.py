"""A measurement as it is kept: figures with what they were made by, on what, and how.

A report becomes a JSON file, and a section of a Markdown page such as `docs/results.md`; writing it
again replaces the section. Two sections that were seen by different extractors may stand on one
page, each naming its own; no table ever holds figures of two.
"""

import json
import os
import platform
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import torch

import maskgit
from maskgit.sampling import Number

Row: TypeAlias = dict[str, str | Number]

HEADINGS = {
    "fid": "FID",
    "sfid": "sFID",
    "rfid": "rFID",
    "is": "IS",
    "psnr_db": "PSNR, dB",
    "ssim": "SSIM",
    "nll_nats": "NLL, nats",
    "class_top1": "class right",
    "class_p": "p(class)",
    "nearest": "likeness to nearest trained",
    "hole_top1": "class right, hole alone",
    "hole_top1_real": "the same, real",
    "left_top1": "left box",
    "right_top1": "right box",
    "swapped_top1": "the other box's class",
    "outer_seam_ratio": "seam ratio, around",
    "inner_seam_ratio": "seam ratio, between",
    "seam": "step at the seam",
    "seam_real": "the same, real",
    "shift": "step in colour",
    "shift_real": "the same, real",
    "error": "difference from the real",
    "seconds": "s / picture",
    "codes_used": "codes used",
    "changed_outside": "pixels changed outside",
}
SHARES = {  # shown in per cent
    *("precision", "recall", "class_top1", "class_p", "hole_top1", "hole_top1_real"),
    *("left_top1", "right_top1", "swapped_top1"),
    *("codes_used", "masked", "accuracy", "sharpness"),
}


@dataclass(frozen=True)
class Report:
    """One measurement.

    Attributes:
        part: Which, in a word; names its section.
        title: Heading of the section.
        method: What was done, in sentences.
        model: Which model.
        extractor: What looked at the pictures.
        classifier: What said which class they show.
        tables: Rows by caption.
        pictures: Files beside the JSON file, by caption.
    """

    part: str
    title: str
    method: str
    model: str
    extractor: str
    classifier: str
    tables: dict[str, list[Row]]
    pictures: dict[str, str] = field(default_factory=dict)


def machine() -> dict[str, str | int]:
    """Say what figures of speed depend on, and which versions made them."""
    device = "cpu"
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name(0)
    return {
        "device": device,
        "cpu": _cpu_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count() or 0,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "maskgit": maskgit.__version__,
    }


def write_json(report: Report, file: Path, arguments: Sequence[str]) -> None:
    """Write a report with what made it."""
    content = {**vars(report), "command": command(arguments), "machine": machine()}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_section(report: Report, page: Path, folder: Path, arguments: Sequence[str]) -> None:
    """Put a report on a page, in the place of the one that was there, or at the end.

    Args:
        report: What to show.
        page: Markdown file; made where there is none.
        folder: Where the report's pictures lie.
        arguments: The command line that makes it, without `python -m maskgit`.
    """
    put_section(page, report.part, markdown(report, page.parent, folder, arguments))


def put_section(page: Path, name: str, body: str) -> None:
    """Put a section on a Markdown page, in the place of the one of this name, or at the end."""
    text = page.read_text(encoding="utf-8") if page.is_file() else "# Results\n"
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n{body}{end}\n"
    present = re.compile(re.escape(begin) + ".*?" + re.escape(end) + "\n?", re.DOTALL)
    if present.search(text):
        text = present.sub(lambda _: section, text, count=1)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")


def markdown(report: Report, base: Path, folder: Path, arguments: Sequence[str]) -> str:
    """Lay a report out; links to pictures are relative to `base`."""
    here = machine()
    lines = [f"## {report.title}", "", report.method, ""]
    lines += ["```sh", command(arguments), "```", ""]
    for caption, rows in report.tables.items():
        lines += [f"**{caption}**", "", table(rows), ""]
    for caption, name in report.pictures.items():
        link = os.path.relpath(folder / name, base).replace(os.sep, "/")
        lines += [f"![{caption}]({link})", "", f"*{caption}*", ""]
    lines += [
        f"Model: {report.model}. Features: {report.extractor}. Classes: {report.classifier}. "
        f"Machine: {here['device']}, {here['cpu']}, {here['cores']} cores, {here['threads']} "
        f"threads; Python {here['python']}, torch {here['torch']}.",
        "",
    ]
    return "\n".join(lines)


def table(rows: Sequence[Row]) -> str:
    """Lay rows out as a Markdown table whose columns also line up as plain text."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    heads = [HEADINGS.get(name, name.replace("_", " ")) for name in names]
    cells = [[_cell(name, row.get(name)) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    is_number = [all(not isinstance(row.get(name), str) for row in rows) for name in names]

    def line(texts: Sequence[str]) -> str:
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(texts, widths, is_number, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    ruler = [
        "-" * (width - 1) + (":" if right else "-")
        for width, right in zip(widths, is_number, strict=True)
    ]
    return "\n".join([line(heads), line(ruler), *map(line, cells)])


def command(arguments: Sequence[str]) -> str:
    """Give the command line that a person would type."""
    return shlex.join(["python", "-m", "maskgit", *arguments])


def _cell(name: str, value: str | Number | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int):
        return str(value)
    if name in SHARES:
        return f"{100 * value:.1f} %"
    if name == "seconds":
        return f"{value:.3g}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _cpu_name() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()
