"""Insights as text for a terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from unicodedata import east_asian_width

from rasa_llm_components.training_data.insights import Insights
from rasa_llm_components.training_data.sections import Section, sections, summary

_ROWS = 15
"""Rows of a table in the terminal; the page and the JSON file have all."""
_WIDEST = 160
_NARROWEST_COLUMN = 8


def as_text(insights: Insights) -> str:
    """All tables, each under its heading with what to do about it."""
    shown = [section for section in sections(insights) if not section.page_only]
    return "\n".join([summary(insights), "", *(line for section in shown for line in _lines(section))])


def printable(text: str) -> str:
    """One line without control characters: data must not move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))


def _lines(section: Section) -> Iterator[str]:
    from terminaltables import AsciiTable

    width = min(shutil.get_terminal_size((120, 24)).columns, _WIDEST)
    shown = [section.columns, *([printable(cell) for cell in row] for row in section.rows[:_ROWS])]
    yield f"{section.title} ({len(section.rows)}). {section.advice}"
    yield str(AsciiTable(_fitted(shown, width)).table)
    if len(section.rows) > _ROWS:
        yield f"... and {len(section.rows) - _ROWS} more: --html FILE shows all."
    yield ""


def _fitted(rows: Sequence[Sequence[str]], width: int) -> list[list[str]]:
    """The same table, its widest columns folded until it fits."""
    columns = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    while sum(columns) + 3 * len(columns) + 1 > width and max(columns) > _NARROWEST_COLUMN:
        columns[columns.index(max(columns))] -= 1
    return [["\n".join(_folded(cell, size)) for cell, size in zip(row, columns)] for row in rows]


def _folded(cell: str, size: int) -> list[str]:
    letters = size if _width(cell) == len(cell) else max(size // 2, 1)
    return [cell] if _width(cell) <= size else textwrap.wrap(cell, letters)


def _width(text: str) -> int:
    """Columns of a terminal; a Chinese character takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
