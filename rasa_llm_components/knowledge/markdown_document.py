"""Markdown files: front matter, headings, paragraphs, lists and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rasa_llm_components.knowledge.document import Document
from rasa_llm_components.knowledge.section_writer import SectionWriter, table_row

if TYPE_CHECKING:
    from markdown_it.token import Token

_FENCE = "---"


def read_markdown(text: str, path: str, file_title: str) -> Document:
    """Reads a Markdown text (CommonMark with tables).

    Front matter between two lines `---` may give `title` and `link`. The only first-level heading
    is the title where the front matter has none.

    Args:
        text: the file's content.
        path: the document's path in its folder.
        file_title: the title when the text has none.
    """
    front_matter, body = _split_front_matter(text)
    writer = SectionWriter(title_from_first_heading=True)
    walk = _Walk(writer)
    for token in _parse(body):
        walk.read(token)
    return Document(
        path=path,
        title=str(front_matter.get("title") or writer.title or file_title),
        link=str(front_matter.get("link") or ""),
        sections=writer.sections(),
    )


def _split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    import yaml

    lines = text.splitlines()
    if not lines or lines[0].strip() != _FENCE:
        return {}, text
    for index, line in enumerate(lines[1:], start=1):
        if line.strip() == _FENCE:
            try:
                values = yaml.safe_load("\n".join(lines[1:index]))
            except yaml.YAMLError:
                return {}, text
            return (values, "\n".join(lines[index + 1 :])) if isinstance(values, dict) else ({}, text)
    return {}, text


def _parse(body: str) -> list[Token]:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").parse(body)


class _Walk:
    """Writes headings, paragraphs, list items, table rows and code; a row needs the header above it."""

    def __init__(self, writer: SectionWriter) -> None:
        self._writer = writer
        self._header: list[str] = []
        self._cells: list[str] = []
        self._inside = ""

    def read(self, token: Token) -> None:
        if token.type in ("heading_open", "th_open", "td_open"):
            self._inside = token.tag
        elif token.type in ("heading_close", "th_close", "td_close"):
            self._inside = ""
        elif token.type == "inline":
            self._words(_plain(token))
        elif token.type in ("fence", "code_block"):
            self._writer.line(token.content)
        else:
            self._table(token.type)

    def _words(self, words: str) -> None:
        if self._inside in ("th", "td"):
            self._cells.append(words)
        elif self._inside:
            self._writer.heading(int(self._inside[1:]), words)
        else:
            self._writer.line(words)

    def _table(self, event: str) -> None:
        if event == "thead_close":
            self._header, self._cells = self._cells, []
        elif event == "tr_close" and self._header:
            self._writer.line(table_row(self._header, self._cells))
            self._cells = []
        elif event == "table_close":
            self._header, self._cells = [], []


def _plain(token: Token) -> str:
    """The words of an inline token without their markup; an image is its description."""
    words = []
    for child in token.children or []:
        if child.type in ("text", "code_inline", "image"):
            words.append(child.content)
        elif child.type in ("softbreak", "hardbreak"):
            words.append(" " if child.type == "softbreak" else "\n")
    return "".join(words)
