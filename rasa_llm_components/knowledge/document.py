"""A document as its file says it, before it is cut into passages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """What stands under one heading.

    Attributes:
        headings: the headings above it, the outermost first, without the document's title.
        text: its paragraphs, list items and table rows, one to a line.
    """

    headings: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Document:
    """One file of the documents folder.

    Attributes:
        path: relative to the folder, with `/`.
        title: from its front matter or first heading, else from the file's name.
        link: where a customer can read it, may be empty.
        sections: in the order of the file.
    """

    path: str
    title: str
    link: str
    sections: tuple[Section, ...]
