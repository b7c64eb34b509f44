"""The words of a text as keyword search compares them: stemmed, and knowing which carry meaning."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rasa_llm_components.knowledge.sentences import is_chinese

_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+|\d+[^\W_]*")
_PIECES_OF_SHORT_FORMS = {"s", "t", "ve", "ll", "re", "d", "m", "don", "didn", "doesn", "isn", "won", "can"}


@dataclass(frozen=True)
class Word:
    """A word and where it stands.

    Attributes:
        start: of its first character in the text.
        end: after its last character.
        stem: what it is compared by; empty for a word that carries no meaning of its own.
    """

    start: int
    end: int
    stem: str


@lru_cache(maxsize=8192)
def words_of(text: str) -> tuple[Word, ...]:
    """The words of a text, in order.

    English words are stemmed (Snowball), Chinese text is cut by jieba, long Chinese words into
    their parts too; the words without meaning are spaCy's stop words.
    """
    spans = _chinese_words(text) if is_chinese(text) else ((m.start(), m.end()) for m in _WORD.finditer(text))
    return tuple(Word(start, end, _stem(text[start:end])) for start, end in spans)


def content_words(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order, with repeats."""
    return [word.stem for word in words_of(text) if word.stem]


def _stem(word: str) -> str:
    """Numbers lose their thousands' commas, Chinese words stay as they are, stop words go."""
    word = unicodedata.normalize("NFKC", word).lower()
    if word in _stop_words():
        return ""
    if word[0].isdigit():
        return word.replace(",", "")
    return str(_stemmer().stemWord(word))


def _chinese_words(text: str) -> Iterator[tuple[int, int]]:
    for word, start, _ in _jieba().tokenize(text, mode="search"):
        yield from ((start + match.start(), start + match.end()) for match in _WORD.finditer(word))


@lru_cache(maxsize=1)
def _stop_words() -> frozenset[str]:
    from spacy.lang.en.stop_words import STOP_WORDS as ENGLISH
    from spacy.lang.zh.stop_words import STOP_WORDS as CHINESE

    return frozenset(ENGLISH | CHINESE | _PIECES_OF_SHORT_FORMS)


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
