"""One training example and its place in a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_ANNOTATION = re.compile(r"\[([^\]]+?)\](?:\([^():]+(?::[^)]+)?\)|\{[^}]+\}|\[.*?\])")


@dataclass(frozen=True)
class Example:
    """One line under `examples:`, or one entry with `text:`.

    Attributes:
        file: where it stands.
        line: the line it begins on, from 1.
        last_line: the line it ends on; 0 when it shares its lines with others and can't be edited by line.
        intent: as written; a retrieval intent with its key, `faq/opening_hours`.
        written: as written, annotated entities included.
        block: the line that the list of its intent begins on; an intent may have several lists.
        metadata: what YAML says beside it and beside its intent, as text; empty when it says nothing.
    """

    file: Path
    line: int
    last_line: int
    intent: str
    written: str
    block: int
    metadata: str = ""

    @property
    def text(self) -> str:
        """What a customer would type: `[Cork](city)` is `Cork`."""
        return without_annotations(self.written)

    @property
    def label(self) -> str:
        """The intent that the classifier tells: of `faq/opening_hours` it is `faq`."""
        return self.intent.split("/")[0]

    @property
    def place(self) -> str:
        """`data/nlu.yml:12`, which editors open."""
        return f"{self.file}:{self.line}"


def without_annotations(written: str) -> str:
    """The sentence without Rasa's marks of entities: `[x](type)`, `[x]{...}` and `[x][{...}]` are `x`."""
    return _ANNOTATION.sub(r"\1", written)


def normal_form(text: str) -> str:
    """Equal for sentences that differ in capitals, spaces and marks at the end only."""
    return " ".join(text.casefold().split()).rstrip(" .!?…。！？")
