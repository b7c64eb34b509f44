"""What two texts share in words that carry meaning; English and Chinese."""

from __future__ import annotations

import re

from rasa_llm_components.knowledge import words as knowledge_words

_WORD = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]|[^\W_]+")


def words(text: str) -> list[str]:
    """All words in lower case; of Chinese, all characters."""
    return [word.lower() for word in _WORD.findall(text)]


def content_words(text: str) -> list[str]:
    """The stems of words that are not merely grammar. Numbers have a check of their own."""
    return [word for word in knowledge_words.content_words(text) if not word[0].isdigit()]


def shared_part(text: str, source: str) -> float:
    """Share of the content words of `text` that stand in `source`, 0 … 1; 1 for a text without any."""
    wanted = content_words(text)
    held = set(content_words(source))
    return sum(word in held for word in wanted) / len(wanted) if wanted else 1.0
