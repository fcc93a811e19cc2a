"""The tour says everything in the words of a language, and says enough at every stop."""

import re
from pathlib import Path

import pytest

from app.words import LANGUAGES

TOUR = Path(__file__).resolve().parents[2] / "app" / "panels" / "tour"
TEXTS = {code: words.part("tour") for code, words in LANGUAGES.items()}
SCRIPTS = sorted(TOUR.glob("*.js"))
STOPS = re.findall(r'\{ id: "(\w+)"', (TOUR / "stops.js").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_texts_are_those_of_the_stops_in_their_order(language: str) -> None:
    assert list(TEXTS[language]["stops"]) == STOPS
    assert 10 <= len(STOPS) <= 16


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_has_a_short_title_and_two_to_four_sentences(stop: str, language: str) -> None:
    texts = TEXTS[language]["stops"][stop]
    assert 0 < len(texts["title"]) <= 40
    assert 2 <= len(re.findall(r"[.?!](?=\s|$)", texts["text"])) <= 4
    assert len(texts["text"]) <= 340


def test_stops_with_a_demonstration_say_what_it_shows() -> None:
    lines = (TOUR / "stops.js").read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if "demo:" in line]
    assert shown
    for line in shown:
        stop = re.findall(r'id: "(\w+)".*demo: "(\w+)"', line)[0]
        assert TEXTS["en"]["stops"][stop[0]]["about"]


def code_of(path: Path) -> str:
    """Read a script without its comments."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"(?m)^\s*(//|\*|/\*\*).*$|\s// .*$", "", text)


def test_every_word_that_the_scripts_ask_for_is_there() -> None:
    code = "\n".join(map(code_of, SCRIPTS))
    asked = set(re.findall(r"\bwords\.(\w+)", code)) - {"language", "stops"}
    assert set(TEXTS["en"]) == asked | {"stops"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_hold_no_sentences(path: Path) -> None:
    literals = re.findall(r'"([^"\n]*)"|`([^`]*)`', code_of(path))
    texts = [re.sub(r"\$\{[^}]*\}", "", one or other) for one, other in literals]
    # Two words with nothing but a space between them; selectors and CSS have signs around theirs.
    said = [text for text in texts if re.fullmatch(r"[A-Z]?[a-z]+( [a-z]+)+[.…!?]?", text)]
    assert said == []


def test_the_markup_holds_no_words() -> None:
    markup = (TOUR / "tour.html").read_text(encoding="utf-8")
    assert not re.search(r"[A-Za-z]", re.sub(r"<[^>]*>", "", markup))
    assert not re.search(r"\b(aria-label|title|alt|placeholder)=", markup)
    for sign in ("${", "{{", "`", "\\", "@children"):  # Gradio would interpret them
        assert sign not in markup
