"""Cleans a text for an encoder and remembers where each character came from.

Only the encoder reads the cleaned text. The message keeps the customer's own characters, so that
entity offsets stay right; `NormalisedText.sources` leads from one to the other.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LONGEST_REPEAT = 3
_LETTER_RUN = re.compile(r"([^\W\d_])\1{3,}|([^\w\s])\2{3,}")


@dataclass(frozen=True)
class NormalisedText:
    """A cleaned text and, for each of its characters, the index of the original character."""

    text: str
    sources: tuple[int, ...]

    def span_of(self, start: int, end: int) -> tuple[int, int]:
        """The original `[start, end)` of the cleaned characters `[start, end)`; empty spans stay empty."""
        if end <= start:
            return (0, 0)
        return self.sources[start], self.sources[end - 1] + 1


def normalise(text: str) -> NormalisedText:
    """Applies NFKC, drops control and zero-width characters, folds spaces and over-long repeats.

    Runs of a letter or a sign longer than three ("sooooo", "!!!!!!") become three of it; digits stay.
    """
    if _is_normal(text):
        return NormalisedText(text, tuple(range(len(text))))
    characters: list[str] = []
    sources: list[int] = []
    for start, cluster in _clusters(text):
        for character in unicodedata.normalize("NFKC", cluster):
            if character.isspace():
                if characters and characters[-1] != " ":
                    characters.append(" ")
                    sources.append(start)
            elif unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co"):
                characters.append(character)
                sources.append(start)
    while characters and characters[-1] == " ":
        characters.pop()
        sources.pop()
    return _shorten_repeats("".join(characters), sources)


def _is_normal(text: str) -> bool:
    """Whether this is plain ASCII with nothing to change, as most messages are."""
    plain = text.isascii() and text.isprintable() and "  " not in text and text == text.strip()
    return plain and not _LETTER_RUN.search(text)


def _clusters(text: str) -> list[tuple[int, str]]:
    """Characters with the combining marks that follow them, since NFKC may join the two."""
    clusters: list[tuple[int, str]] = []
    for index, character in enumerate(text):
        if clusters and unicodedata.combining(character):
            start, cluster = clusters[-1]
            clusters[-1] = (start, cluster + character)
        else:
            clusters.append((index, character))
    return clusters


def _shorten_repeats(text: str, sources: list[int]) -> NormalisedText:
    pieces: list[str] = []
    kept: list[int] = []
    position = 0
    for run in _LETTER_RUN.finditer(text):
        end = run.start() + LONGEST_REPEAT
        pieces.append(text[position:end])
        kept.extend(sources[position:end])
        position = run.end()
    pieces.append(text[position:])
    kept.extend(sources[position:])
    return NormalisedText("".join(pieces), tuple(kept))
