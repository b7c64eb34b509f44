"""Pieces of a sentence that say one thing each, so that a fact keeps its own subject."""

from __future__ import annotations

import re

_BORDER = re.compile(
    r"(?<=[^\d])[,;](?=\s)|,\s|[;:](?=\s)|[.!?](?=\s)|\n|[，；。！？：、]"
    r"|\s(?:and|or|but|while|whereas|although|though|unless|except|however)\s|但是?|而|不过|除非",
    re.IGNORECASE,
)


def clauses(text: str) -> list[str]:
    """The clauses of a text in order, without the words and marks between them."""
    return [clause.strip() for clause in _BORDER.split(text) if clause and clause.strip()]
