"""HTML files: what a reader sees of a page, without its navigation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rasa_llm_components.knowledge.document import Document
from rasa_llm_components.knowledge.section_writer import SectionWriter, table_row

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_NOT_READ = ["script", "style", "noscript", "template", "nav", "header", "footer", "aside", "form", "svg", "iframe"]
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LINES = {"p", "li", "dt", "dd", "blockquote", "figcaption", "pre", "div", "section", "article", "td", "th"}


def read_html(text: str | bytes, path: str, file_title: str) -> Document:
    """Reads a page: headings, paragraphs, lists and tables of `<main>`, `<article>` or `<body>`.

    Args:
        text: the file's content; of bytes the page's own `charset` says how they are read.
        path: the document's path in its folder.
        file_title: the title when the page has none.
    """
    from bs4 import BeautifulSoup

    page = BeautifulSoup(text, "html.parser")
    title, link = _title(page), _canonical_link(page)
    for tag in page.find_all(_NOT_READ):
        tag.decompose()
    writer = SectionWriter(title_from_first_heading=True)
    _walk(page.find("main") or page.find("article") or page.body or page, writer)
    sections = writer.sections()
    return Document(path=path, title=writer.title or title or file_title, link=link, sections=sections)


def _title(page: BeautifulSoup) -> str:
    return " ".join(page.title.get_text(" ").split()) if page.title else ""


def _canonical_link(page: BeautifulSoup) -> str:
    for tag in page.find_all("link", href=True):
        if "canonical" in (tag.get("rel") or []):
            return str(tag["href"])
    return ""


def _walk(tag: Tag, writer: SectionWriter) -> None:
    """Words gather until a tag that starts a new line."""
    from bs4 import NavigableString, Tag
    from bs4.element import PreformattedString  # comments and the like

    words: list[str] = []
    for child in tag.children:
        if isinstance(child, Tag) and _is_block(child):
            writer.line(" ".join("".join(words).split()))
            words = []
            _block(child, writer)
        elif isinstance(child, Tag):
            words.append("\n" if child.name == "br" else child.get_text())
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            words.append(str(child))
    writer.line(" ".join("".join(words).split()))


def _is_block(tag: Tag) -> bool:
    names = [*_HEADINGS, *_LINES, "table", "ul", "ol", "dl", "tr"]
    return tag.name in names or tag.find(names) is not None


def _block(tag: Tag, writer: SectionWriter) -> None:
    if tag.name in _HEADINGS:
        writer.heading(_HEADINGS[tag.name], tag.get_text(" "))
    elif tag.name == "table" and tag.find("table") is None:
        _table(tag, writer)
    else:
        _walk(tag, writer)


def _table(table: Tag, writer: SectionWriter) -> None:
    header: list[str] = []
    for row in table.find_all("tr"):
        cells = row.find_all(["th", "td"])
        words = [" ".join(cell.get_text(" ").split()) for cell in cells]
        if not header and cells and all(cell.name == "th" for cell in cells):
            header = words
        else:
            writer.line(table_row(header, words))
