"""PDF files: the text of their pages, put back into paragraphs."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from rasa_llm_components.knowledge.document import Document, Section

_HYPHEN_AT_END = re.compile(r"(?<=[a-zäöüß])-\n(?=[a-zäöüß])")
_ENDS_PARAGRAPH = re.compile(r"[.!?:;。！？：；]['\")\]”’」』]*$")


def read_pdf(file: Path, path: str, file_title: str) -> Document:
    """Reads the text of a PDF file; a scan without text has no sections.

    Args:
        file: the file.
        path: the document's path in its folder.
        file_title: the title when the file's properties have none.

    Raises:
        ValueError: the file is broken or encrypted.
    """
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    try:
        reader = PdfReader(file)
        pages = [page.extract_text() for page in reader.pages]
        title = (reader.metadata.title or "").strip() if reader.metadata else ""
    except (PyPdfError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error  # pypdf raises many kinds for broken files
    sections = [Section((), text) for text in map(_paragraphs, pages) if text]
    return Document(path=path, title=title or file_title, link="", sections=tuple(sections))


def _paragraphs(page: str) -> str:
    """Lines of a page joined where a sentence goes on over the line's end."""
    lines: list[str] = []
    for line in _HYPHEN_AT_END.sub("", page.replace("\r", "")).splitlines():
        words = " ".join(line.split())
        if words and lines and not _ENDS_PARAGRAPH.search(lines[-1]) and not words[0].isupper() and lines[-1]:
            lines[-1] += f" {words}"
        else:
            lines.append(words)
    return "\n".join(line for line in lines if line)
