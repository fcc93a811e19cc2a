"""`python -m maskgit edit --images FOLDER`: many pictures, one after another."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tqdm import tqdm

from maskgit.whole_files import beside

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif",
)  # fmt: skip
REPORT = "failures.json"

EditOne = Callable[[Path, Path | None], Iterable[bytes]]


def edit_folder(
    images: Path, masks: Path | None, out: Path, seeds: Sequence[int], edit_one: EditOne
) -> None:
    """Edit every picture of a folder; what is in `out` already is left, so a stopped run goes on.

    Args:
        images: Folder of pictures.
        masks: Folder with a mask of the same name for each, whatever its ending; None: none needed.
        out: Folder for `NAME.png`, or `NAME-SEED.png` where there are several seeds.
        seeds: Of the pictures that `edit_one` gives.
        edit_one: Edits a file, with its mask; gives PNG files.

    Raises:
        ValueError: After all others are done, if some failed; `failures.json` says why.
    """
    if out.resolve() == images.resolve():
        raise ValueError(f"{out} holds the pictures; say --to another folder")
    pictures = _pictures(images)
    mask_of = _pictures(masks) if masks else {}
    out.mkdir(parents=True, exist_ok=True)
    failures: dict[str, str] = {}
    for name, file in tqdm(pictures.items(), unit="picture", disable=not sys.stderr.isatty()):
        targets = [
            out / (f"{name}.png" if len(seeds) == 1 else f"{name}-{seed}.png") for seed in seeds
        ]
        if all(target.exists() for target in targets):
            continue
        try:
            if masks and name not in mask_of:
                raise ValueError(f"{masks} holds no mask of that name")
            for target, data in zip(targets, edit_one(file, mask_of.get(name)), strict=True):
                with beside(target) as partial:
                    partial.write_bytes(data)
        except (ValueError, OSError) as error:
            failures[file.name] = str(error)
    report = out / REPORT
    if failures:
        report.write_text(json.dumps(failures, indent=1, ensure_ascii=False), encoding="utf-8")
        raise ValueError(f"{len(failures)} of {len(pictures)} pictures failed; {report} says why")
    report.unlink(missing_ok=True)
    print(out)


def _pictures(folder: Path) -> dict[str, Path]:
    """Give the pictures of a folder by their names without endings."""
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"{folder} holds no pictures")
    name, number = Counter(file.stem for file in files).most_common(1)[0]
    if number > 1:
        raise ValueError(f"{folder} holds {number} pictures named {name}")
    return {file.stem: file for file in files}
