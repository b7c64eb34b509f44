"""Phrases that no customer shall read."""

from __future__ import annotations

import re
from collections.abc import Iterable

GIVEAWAYS = (
    "as an ai",
    "as a language model",
    "language model",
    "as an assistant",
    "my instructions",
    "system prompt",
    "i was told to",
    "the passage",
    "these passages",
    "the passages",
    "the text above",
    "the provided text",
    "the document provided",
    "人工智能助手",
    "语言模型",
    "系统提示",
    "作为ai",
    "根据上述资料",
)
"""What generators say of themselves and of their prompt."""


def check_phrases(text: str, banned: Iterable[str], allowed_in: str = "") -> str:
    """The first banned phrase of the text; empty for none.

    Args:
        text: the reply.
        banned: a developer's own phrases: never sent.
        allowed_in: `GIVEAWAYS` that stand in this text are the shop's own words.
    """
    said, own = _plain(text), _plain(allowed_in)
    phrases = [_plain(phrase) for phrase in banned]
    phrases += [phrase for phrase in GIVEAWAYS if phrase not in own]
    found = next((phrase for phrase in phrases if phrase and _holds(said, phrase)), "")
    return f"the phrase {found!r}" if found else ""


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("’", "'").split())


def _holds(text: str, phrase: str) -> bool:
    if not phrase[0].isascii() or not phrase[-1].isascii():
        return phrase in text
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text) is not None
