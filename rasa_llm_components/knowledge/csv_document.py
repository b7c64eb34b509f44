"""CSV files of questions and answers."""

from __future__ import annotations

import csv
import io

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.knowledge.document import Document, Section

_NAMES = {"question": ("question", "问题"), "answer": ("answer", "答案", "回答"), "link": ("link", "链接")}


def read_csv(text: str, path: str, file_title: str) -> tuple[Document, ...]:
    """Reads rows of `question, answer`; `link` may be a third column, others are not looked at.

    Args:
        text: the file's content; comma, semicolon or tab between the columns.
        path: the document's path in its folder.
        file_title: the title of its passages.

    Returns:
        A document for each link: its sections are the answers, each under its question.

    Raises:
        ConfigurationError: the first line has no `question` and `answer`.
    """
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    columns = {(name or "").strip().lower(): name for name in rows.fieldnames or []}
    found = {key: next((columns[name] for name in names if name in columns), None) for key, names in _NAMES.items()}
    if found["question"] is None or found["answer"] is None:
        raise ConfigurationError(
            f"{path} has the columns {', '.join(columns) or '(none)'}; `question` and `answer` are needed.",
            fix="Write question,answer (and link, if there is one) into its first line.",
        )
    by_link: dict[str, list[Section]] = {}
    for row in rows:
        question, answer, link = (" ".join((row.get(found[key] or "") or "").split(" ")).strip() for key in _NAMES)
        if question and answer:
            by_link.setdefault(link, []).append(Section((question,), answer))
    return tuple(Document(path, file_title, link, tuple(sections)) for link, sections in by_link.items())


def _delimiter(text: str) -> str:
    first_line = text.split("\n", 1)[0]
    return max(",;\t", key=first_line.count)
