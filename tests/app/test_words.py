"""Every word that people read is in the files of the languages, in all of them, and is used."""

import copy
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import UserError
from app.words import FOLDER, LANGUAGES, PLACEHOLDER, Sentence, Words, in_a_row, known
from maskgit.catalogue import catalogue
from maskgit.published import MODELS

APP = Path(__file__).resolve().parents[2] / "app"
PYTHON = sorted(APP.rglob("*.py"))
CANVAS = sorted((APP / "canvas").glob("*.js"))
SCRIPTS = [*CANVAS, *sorted((APP / "panels").rglob("*.js"))]
MARKUP = sorted(APP.rglob("*.html"))
GERMAN, ENGLISH = LANGUAGES["de"], LANGUAGES["en"]
OTHERS = [code for code in LANGUAGES if code != "en"]
PLURALS = {"zero", "one", "two", "few", "many", "other"}
WHOLE_PARTS = {  # given to one script, which takes them by `word("name")`
    "models": APP / "panels" / "models.js",
    "schedule": APP / "panels" / "schedule.js",
}
LOOKED_UP = (  # by names that come from elsewhere: models, examples, sides, the tour (test_tour)
    "advanced.looks.", "advanced.reveals.", "advanced.schedules.", "catalogue.known.",
    "catalogue.stages.", "gallery.titles.", "outpaint.", "tour.",
)  # fmt: skip
NOBODY_READS = {
    "another tab has an older version open",  # errors that stay inside
    "Alt", "Backspace", "Control", "Delete", "End", "Enter", "Escape", "Home", "Shift", "Tab",
    "Files",  # what a browser calls them in a drag
}  # fmt: skip


def file_of(code: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{code}.json").read_text(encoding="utf-8"))


def sentences(part: dict[str, Any], path: str = "") -> Iterator[tuple[str, list[str]]]:
    """Give every key with its sentence, or with all forms of it."""
    for name, value in part.items():
        if isinstance(value, str):
            yield path + name, [value]
        elif value.keys() <= PLURALS:
            yield path + name, list(value.values())
        else:
            yield from sentences(value, f"{path}{name}.")


KEYS = {key for key, _ in sentences(file_of("en"))}


def code_of(path: Path) -> str:
    """Read a script without its comments."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"(?m)^\s*(//|\*|/\*\*).*$|\s// .*$", "", text)


def named() -> set[str]:
    """Give every key that the program names in full."""
    is_key = re.compile(r"\w+(\.\w+)*")
    found = set()
    for path in PYTHON:
        text = path.read_text(encoding="utf-8")
        found |= {key for key in re.findall(r'"([\w.]+)"', text) if "." in key}
    for path in CANVAS:
        literals = re.findall(r'"([\w.]+)"', code_of(path))
        found |= {f"canvas.{name}" for name in literals if is_key.fullmatch(name)}
    for path in MARKUP:
        part = "canvas." if path.parent.name == "canvas" else ""
        found |= {part + key for key in re.findall(r"\{([\w.]+)\}", path.read_text("utf-8"))}
    for part, path in WHOLE_PARTS.items():
        found |= {f"{part}.{name}" for name in re.findall(r'\bword\("(\w+)"', code_of(path))}
    return found


def asked() -> set[str]:
    """Give every key that the program surely asks for."""
    found = set()
    for path in PYTHON:
        text = path.read_text(encoding="utf-8")
        found |= set(
            re.findall(r'(?:\bwords|Sentence|_words|_one_of|_number|_whole)\(\s*"([\w.]+)"', text)
        )
    for path in CANVAS:
        for call in re.findall(r"\bword\(([^()]*)", code_of(path)):
            found |= {f"canvas.{key}" for key in re.findall(r'"([a-z_.]+)"', call)}
    for path in MARKUP:
        part = "canvas." if path.parent.name == "canvas" else ""
        found |= {part + key for key in re.findall(r"\{(\w+\.[\w.]+)\}", path.read_text("utf-8"))}
    for part, path in WHOLE_PARTS.items():
        found |= {f"{part}.{name}" for name in re.findall(r'\bword\("(\w+)"', code_of(path))}
    return found


@pytest.mark.parametrize("code", OTHERS)
def test_every_language_has_the_same_sentences_in_the_same_order(code: str) -> None:
    own = [key for key, _ in sentences(file_of(code))]
    assert own == [key for key, _ in sentences(file_of("en"))]


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_sentence_is_empty(code: str) -> None:
    assert [key for key, forms in sentences(file_of(code)) if not all(map(str.strip, forms))] == []


@pytest.mark.parametrize("code", OTHERS)
def test_a_sentence_has_the_same_places_for_values_in_every_language(code: str) -> None:
    english = dict(sentences(file_of("en")))
    for key, forms in sentences(file_of(code)):
        places = [set(PLACEHOLDER.findall(form)) for form in (forms[-1], english[key][-1])]
        allowed = places[0] | {"count"}
        assert all(set(PLACEHOLDER.findall(form)) <= allowed for form in forms), key
        if not key.startswith("said.") or english[key] != ["{reason}"]:
            assert places[0] == places[1], key


@pytest.mark.parametrize("code", LANGUAGES)
def test_forms_by_number_end_with_the_one_for_all_others(code: str) -> None:
    for key, forms in sentences(file_of(code)):
        if len(forms) > 1:
            assert "{count}" in forms[-1], key
            *path, name = key.split(".")
            found: Any = file_of(code)
            for step in path:
                found = found[step]
            assert list(found[name])[-1] == "other"


def test_every_sentence_that_the_program_asks_for_is_there() -> None:
    assert asked() - KEYS == set()


def test_no_sentence_is_left_over() -> None:
    assert {key for key in KEYS - named() if not key.startswith(LOOKED_UP)} == set()


@pytest.mark.parametrize("path", CANVAS, ids=lambda path: path.stem)
def test_the_canvas_says_nothing_but_words_of_the_files(path: Path) -> None:
    code = re.sub(r"console\.\w+\(.*", "", code_of(path))
    literal = r'(?:"([^"\n]*)"|`([^`]*)`)'
    shown = re.findall(
        r"(?:\b(?:say|fail|announce|attempt|Error)\(|\b(?:textContent|title|placeholder|alt) = "
        r"|\b(?:textContent|title|label|placeholder|alt): "
        rf'|"(?:aria-label|aria-valuetext|title)",\s*){literal}',
        code,
    )
    texts = {re.sub(r"\$\{[^}]*\}", "", one or other) for one, other in shown}
    said = {text for text in texts if re.search(r"[A-Za-z]", text)} - KEYS
    # Wherever they are: two words with a space between, or one with a capital.
    for one, other in re.findall(literal, code):
        text = re.sub(r"\$\{[^}]*\}", "", one or other).strip(" .,:…")
        if re.fullmatch(r"(?!px )[A-Z]?[a-z]+ [a-z]+\b[^{}=]*|[A-Z][a-z]+", text):
            said.add(text)
    of_canvas = {key.removeprefix("canvas.") for key in KEYS}
    assert said - of_canvas - NOBODY_READS == set()


@pytest.mark.parametrize("path", MARKUP, ids=lambda path: path.stem)
def test_the_markup_says_nothing_but_words_of_the_files(path: Path) -> None:
    markup = path.read_text(encoding="utf-8")
    attributes = re.findall(r'\b(?:aria-label|title|alt|placeholder)="([^"]*)"', markup)
    texts = re.sub(r"<kbd>[^<]*</kbd>|<[^>]*>", "\n", markup).split("\n")
    said = [re.sub(r"\{[\w.]+\}|&#\d+;", "", text) for text in [*attributes, *texts]]
    names = {"GIF", "WebP", "MP4", "MaskGIT Studio"}
    assert {text.strip() for text in said if re.search("[A-Za-z]", text)} - names == set()


def test_python_says_nothing_to_people_but_words_of_the_files() -> None:
    shown = re.compile(r'(?:UserError|gr\.Error|label=|info=|placeholder=|Button)\(?f?"([^"]*)"')
    for path in PYTHON:
        if path.name != "launch.py":  # speaks to the terminal
            assert shown.findall(path.read_text(encoding="utf-8")) == [], path


def test_a_sentence_is_english_as_text_and_can_be_said_in_german() -> None:
    sentence = Sentence("said.done", seconds=2.5, seeds=Sentence("said.seeds", first=3, last=4))
    assert sentence == "Done in 2.5 s. Seed 3 to 4."
    answer = {"ok": False, "list": [{"message": sentence}], "other": "untouched"}
    said = GERMAN.say(answer)
    assert said["list"][0]["message"] == "Fertig in 2,5 s. Seed 3 bis 4."
    assert said["other"] == "untouched"
    assert ENGLISH.say(answer) == answer


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))],  # noqa: S301
)
def test_a_copy_of_a_sentence_can_still_be_said_in_german(copied: Any) -> None:
    sentence = copied(Sentence("said.finished", seed=7))
    assert GERMAN.say(sentence) == "Fertig. Seed 7."


def test_an_error_keeps_its_sentence_for_every_language() -> None:
    error = UserError(Sentence("said.nothing_painted"))
    assert str(error) == ENGLISH("said.nothing_painted")
    assert GERMAN.say(error.as_message())["message"] == GERMAN("said.nothing_painted")


def test_sentences_in_a_row_stay_sentences() -> None:
    row = in_a_row(["", Sentence("said.no_project"), Sentence("said.no_model")])
    assert row == f"{ENGLISH('said.no_project')} {ENGLISH('said.no_model')}"
    assert GERMAN.say(row) == f"{GERMAN('said.no_project')} {GERMAN('said.no_model')}"
    assert in_a_row([]) == ""


def test_a_number_chooses_the_form_of_a_sentence() -> None:
    assert ENGLISH("canvas.cells", count=1) == "1 cell"
    assert GERMAN("canvas.cells", count=3) == "3 Zellen"


def test_markup_cannot_be_changed_by_words() -> None:
    words = Words("xx")
    words.__dict__["_table"] = {"a": {"b": '<b>"${" `\\ <kbd>K</kbd>'}}
    said = words.markup('<p title="{a.b}">{c}</p>')
    assert "<kbd>K</kbd>" in said
    assert "{c}" in said
    assert not re.search(r"<b>|\$\{|`|\\|\{\{|\"\"", said)


def test_what_the_catalogue_says_of_published_models_is_known_in_every_language() -> None:
    embedded = next(entry for entry in catalogue() if entry.id == "embedded")
    assert isinstance(known(embedded.good_for, "catalogue.known"), Sentence)
    for model in MODELS.values():
        for text in (model.good_for, model.quality, model.classes):
            assert isinstance(known(text, "catalogue.known"), Sentence), text
    assert known("something else", "catalogue.known") == "something else"
