"""The one exception that is meant for people: a sentence, and a word for programs."""

from __future__ import annotations

from typing import TypedDict

UNKNOWN_PICTURE = "unknown-picture"  # the server forgot a picture; the canvas sends it again


class ErrorMessage(TypedDict):
    """How a `UserError` travels to the browser."""

    code: str
    message: str


class UserError(Exception):
    """Something the person can put right; the sentence is shown to them as it is.

    Attributes:
        sentence: As it was raised; as `str(error)` a `Sentence` would be English for good.
        code: A word the canvas may react to, such as `UNKNOWN_PICTURE`.
    """

    def __init__(self, sentence: str, code: str = "refused") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code

    def as_message(self) -> ErrorMessage:
        """Turn into what the browser is told."""
        return {"code": self.code, "message": self.sentence}
