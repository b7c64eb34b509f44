"""Names of people, places, things, months and weekdays; addresses of pages and mail."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from rasa_llm_components.knowledge.sentences import is_chinese

_CAPITALISED = re.compile(r"(?<![\w'’])[A-Z][\w'’&-]*|(?<!\w)[a-z]+[A-Z]\w*")
_OPENS_SENTENCE = re.compile(r"(?:^|[.!?:;\n•\-–(\"“]\s*)$")
_CALENDAR = re.compile(
    r"\b(?:january|february|april|june|july|august|september|october|november|december"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)days?)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://[^\s)>\]，。]+|www\.[^\s)>\]，。]+|[\w.+-]+@[\w-]+\.[\w.-]+", re.IGNORECASE)
_NO_NAMES = frozenset({"I", "I'm", "I'll", "I've", "I'd", "OK", "FAQ", "EUR", "USD", "GBP", "CHF", "CNY"})


def names(text: str) -> list[str]:
    """Names in the order of the text, in lower case, without a possessive ending."""
    if is_chinese(text):
        return _chinese_names(text)
    found = []
    for match in _CAPITALISED.finditer(text):
        name = match.group()
        opens = _OPENS_SENTENCE.search(text, 0, match.start()) is not None
        if name not in _NO_NAMES and (not opens or not (name[1:].islower() or name == "A")):
            found.append((match.start(), _plain(name)))
    found += [(match.start(), _plain(match.group())) for match in _CALENDAR.finditer(text)]
    return list(dict.fromkeys(name for _, name in sorted(found) if name))


def addresses(text: str) -> list[str]:
    """Web and mail addresses, as they stand."""
    return [address.rstrip(".,;:!?") for address in _ADDRESS.findall(text)]


def holds_name(text: str, name: str) -> bool:
    """Whether the name stands in the text as a word, in any case of letters."""
    text = text.lower().replace("’", "'")
    if is_chinese(name):
        return name in text
    return re.search(rf"(?<!\w){re.escape(name)}(?:'?s)?(?!\w)", text) is not None


def _plain(name: str) -> str:
    name = name.lower().replace("’", "'")
    name = name[:-2] if name.endswith("'s") else name.rstrip("'-")
    return name[:-1] if _CALENDAR.fullmatch(name) and name.endswith("days") else name


def _chinese_names(text: str) -> list[str]:
    tagged = [(str(pair.word), str(pair.flag)) for pair in _tagger().lcut(text)]
    return list(
        dict.fromkeys(
            word.lower()
            for word, tag in tagged
            if (tag in ("nr", "ns", "nt", "nz", "nrt", "nrfg") and len(word) > 1) or (tag == "eng" and len(word) > 1)
        )
    )


@lru_cache(maxsize=1)
def _tagger() -> Any:
    import logging

    import jieba
    import jieba.posseg

    jieba.setLogLevel(logging.WARNING)
    return jieba.posseg
