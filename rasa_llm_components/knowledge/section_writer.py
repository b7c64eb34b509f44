"""Collects lines under headings, as a reader of a document meets them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rasa_llm_components.knowledge.document import Section

_SPACES = re.compile(r"[^\S\n]+")


class SectionWriter:
    """Headings and lines go in, in reading order; sections come out."""

    def __init__(self, *, title_from_first_heading: bool = False) -> None:
        """Starts with no section.

        Args:
            title_from_first_heading: a first-level heading before any text is the document's title.
        """
        self.title = ""
        self._takes_title = title_from_first_heading
        self._headings: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._sections: list[Section] = []

    def heading(self, level: int, words: str) -> None:
        """Ends the section above and opens one under this heading (level 1 is the outermost)."""
        words = _one_line(words)
        if not words:
            return
        self._end_section()
        if self._takes_title and level == 1 and not self.title and not self._sections:
            self.title = words
            return
        self._headings = [*(heading for heading in self._headings if heading[0] < level), (level, words)]

    def line(self, words: str) -> None:
        """A paragraph, list item or table row; line breaks within it stay."""
        self._lines.extend(line for line in map(_one_line, words.splitlines()) if line)

    def sections(self) -> tuple[Section, ...]:
        """Everything written so far; headings with nothing under them are left out."""
        self._end_section()
        return tuple(self._sections)

    def _end_section(self) -> None:
        if self._lines:
            self._sections.append(Section(tuple(words for _, words in self._headings), "\n".join(self._lines)))
        self._lines = []


def table_row(header: Sequence[str], cells: Sequence[str]) -> str:
    """A row that can be read without its table: `Country: France; Price: 4.90 €`."""
    named = [f"{name}: {cell}" if name else cell for name, cell in zip(header, cells) if cell]
    return "; ".join([*named, *(cell for cell in cells[len(header) :] if cell)])


def _one_line(words: str) -> str:
    return _SPACES.sub(" ", words.replace("\n", " ")).strip()
