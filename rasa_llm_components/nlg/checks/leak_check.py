"""The prompt stays inside: no run of its words in the reply."""

from __future__ import annotations

import re

RUN_OF_WORDS = 6
RUN_OF_CHARACTERS = 10
"""Chinese has no spaces: a run of characters instead."""

_PIECE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_]+")
_ROLE = re.compile(
    r"<\|.*?\|?>|\[/?INST\]|<<SYS>>|</?s>|^\s*(?:system|assistant|user)\s*:", re.IGNORECASE | re.MULTILINE
)


def check_leak(text: str, instructions: str, allowed_in: str = "") -> str:
    """The first run of the prompt's words in the text; empty for none.

    Args:
        text: the reply.
        instructions: the prompt's own part.
        allowed_in: passages and question: what stands there too is no secret.
    """
    if _ROLE.search(text):
        return "a mark of the prompt's form"
    public = f" {' '.join(_pieces(allowed_in))} "
    secret = f" {' '.join(_pieces(instructions))} "
    said = _pieces(text)
    run = RUN_OF_CHARACTERS if any("\u3400" <= piece <= "\u9fff" for piece in said) else RUN_OF_WORDS
    for start in range(len(said) - run + 1):
        words = f" {' '.join(said[start : start + run])} "
        if words in secret and words not in public:
            return f"the prompt's own words {words.strip()!r}"
    return ""


def _pieces(text: str) -> list[str]:
    return [piece.lower() for piece in _PIECE.findall(text)]
