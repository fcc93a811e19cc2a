"""Every word that people read, in one file per language: `en.json`, `de.json`.

A key such as `make.fill` names a sentence; values go into its braces. Where a number decides, a
sentence has forms: `{"one": "{count} cell", "other": "{count} cells"}`. docs/translating.md says
how to add a language.

Read in this order:
    Words       one language: sentences by their keys, for the page that is laid out in it
    Sentence    what the server says: English as text, any language where it reaches a page
    LANGUAGES   every language by its code, English first

Elsewhere: the same for scripts (words.js), which language a visitor gets (panels/language).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
FIRST = "en"
PLACEHOLDER = re.compile(r"\{(\w+)\}")
KEY_IN_MARKUP = re.compile(r"\{(\w+(?:\.\w+)+)\}")
KEPT_TAG = re.compile(r"&lt;(/?kbd)&gt;")  # the one tag that a sentence may have
RUN_BY_GRADIO = str.maketrans({sign: f"&#{ord(sign)};" for sign in "${}`\\@"})


@dataclass(frozen=True)
class Words:
    """The words of one language.

    Attributes:
        code: Of the language, as browsers name it; also the name of its file.
    """

    code: str

    @cached_property
    def _table(self) -> dict[str, Any]:
        return json.loads((FOLDER / f"{self.code}.json").read_text(encoding="utf-8"))

    @property
    def name(self) -> str:
        """What the language calls itself."""
        return self("language.name")

    def __call__(self, key: str, **values: object) -> str:
        """Give a sentence, with values in its braces.

        Raises:
            KeyError: If there is no such sentence.
        """
        found = self.part(key)
        if isinstance(found, dict):
            found = found["one" if values["count"] == 1 else "other"]
        return PLACEHOLDER.sub(lambda brace: self._written(values[brace[1]]), found)

    def part(self, key: str) -> Any:
        """Give the sentences below a key as they are in the file, for a script."""
        found: Any = self._table
        for name in key.split("."):
            found = found[name]
        return found

    def say(self, value: Any) -> Any:
        """Say every `Sentence` in a JSON-like value in this language."""
        match value:
            case Sentence():
                return self(value.key, **value.values)
            case dict():
                return {name: self.say(part) for name, part in value.items()}
            case list() | tuple():
                return [self.say(part) for part in value]
        return value

    def markup(self, template: str, part: str = "") -> str:
        """Put sentences into markup that names them in braces: `{tools.brush}`.

        What Gradio or the browser would take for code is written so that they do not.

        Args:
            template: The markup.
            part: Key of the part of the file that its keys are in.
        """

        def sentence(brace: re.Match[str]) -> str:
            text = escape(self(f"{part}.{brace[1]}".lstrip("."))).translate(RUN_BY_GRADIO)
            return KEPT_TAG.sub(r"<\1>", text)

        return KEY_IN_MARKUP.sub(sentence, template)

    def script(self, part: str) -> str:
        """Write the beginning of a script that says words of one part: `word` and `decimal`."""
        table = json.dumps({"code": self.code, "words": self.part(part)}, ensure_ascii=False)
        return f"const LANGUAGE = {table};\n{(FOLDER / 'words.js').read_text(encoding='utf-8')}"

    def _written(self, value: object) -> str:
        if isinstance(value, float):
            return str(value).replace(".", self.part("language.decimal"))
        return str(self.say(value))


LANGUAGES: dict[str, Words] = {
    code: Words(code)
    for code in sorted((file.stem for file in FOLDER.glob("*.json")), key=lambda c: (c != FIRST, c))
}


class Sentence(str):
    """What the server says to a person, by its key in the files.

    As text it is English: for programs, the terminal and logs. `Words.say` gives it in another
    language. Values may be sentences, too.
    """

    key: str
    values: Mapping[str, Any]

    def __new__(cls, key: str, **values: Any) -> Sentence:
        """Say what stands under a key, with values in its braces."""
        sentence = super().__new__(cls, LANGUAGES[FIRST](key, **values))
        sentence.key, sentence.values = key, values
        return sentence

    def __getnewargs_ex__(self) -> tuple[tuple[str], Mapping[str, Any]]:
        """Say how a copy is made, in another process, too."""
        return (self.key,), self.values


def in_a_row(sentences: Iterable[str]) -> str:
    """Say sentences one after another; nothing where there are none."""
    said = ""
    for sentence in sentences:
        said = Sentence("said.both", first=said, second=sentence) if said else sentence
    return said


def known(text: str, part: str) -> str:
    """Find the sentence that a text is in English, so that it can be said in other languages.

    Args:
        text: What somebody else says, for instance the engine's catalogue.
        part: Key of the sentences it may be.

    Returns:
        The sentence; the text itself where it is none of them.
    """
    keys = {found: key for key, found in LANGUAGES[FIRST].part(part).items()}
    return Sentence(f"{part}.{keys[text]}") if text in keys else text
