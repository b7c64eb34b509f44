"""A passage: what is found and quoted, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Passage:
    """A piece of a document, small enough to read at a glance.

    Attributes:
        text: the sentences as they stand in the document.
        title: the document's title.
        headings: the headings above the passage, the outermost first.
        link: where a customer can read it: the document's own `link`, else empty.
        document: the document's path in its folder, with `/`.
        sentences: the sentences of `text`, verbatim, in order.
    """

    text: str
    title: str
    headings: tuple[str, ...]
    link: str
    document: str
    sentences: tuple[str, ...]

    @property
    def heading_path(self) -> str:
        """Title and headings in one line, without doubles: `Delivery > Abroad > Switzerland`."""
        return " > ".join(dict.fromkeys(part for part in (self.title, *self.headings) if part))
