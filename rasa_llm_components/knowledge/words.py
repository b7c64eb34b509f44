"""The words of a text as keyword search compares them: stemmed, and without words that say nothing."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from rasa_llm_components.knowledge.sentences import is_chinese

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+|\d+[^\W_]*")


def content_words(text: str) -> list[str]:
    """Stems of the words of a text that carry meaning, in order, with repeats.

    English words are stemmed (Snowball), Chinese text is cut by jieba; the stop words are spaCy's.
    """
    text = unicodedata.normalize("NFKC", text).lower()
    words = _chinese_words(text) if is_chinese(text) else _WORD.findall(text)
    return [stem(word) for word in words if word not in stop_words()]


def stem(word: str) -> str:
    """The stem of an English word; numbers lose their thousands' commas, Chinese words stay."""
    if word[0].isdigit():
        return word.replace(",", "")
    return str(_stemmer().stemWord(word))


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """Words of English and Chinese that carry no meaning of their own."""
    from spacy.lang.en.stop_words import STOP_WORDS as ENGLISH
    from spacy.lang.zh.stop_words import STOP_WORDS as CHINESE

    return frozenset(ENGLISH | CHINESE | {"s", "t", "ve", "ll", "re", "don", "didn", "doesn"})


def _chinese_words(text: str) -> list[str]:
    return [word for piece in _jieba().cut_for_search(text) for word in _WORD.findall(piece)]


@lru_cache(maxsize=1)
def _jieba() -> Any:
    import logging

    import jieba

    jieba.setLogLevel(logging.WARNING)
    return jieba


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    import Stemmer

    return Stemmer.Stemmer("english")
