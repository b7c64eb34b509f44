"""Sentences and words of English and Chinese text, by spaCy and jieba; no trained pipeline."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language

_CHINESE = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LONGEST_LINE = 100_000
_OPENING = re.compile(r"""(?:[(\[{（【「『《“‘„]|(?<=\s)["'])+\s*\Z""")
_MOST_OPENING = 8


def is_chinese(text: str) -> bool:
    """Whether at least a fifth of the letters are Chinese characters."""
    letters = sum(character.isalpha() for character in text)
    return letters > 0 and len(_CHINESE.findall(text)) >= 0.2 * letters


def split_sentences(text: str) -> tuple[str, ...]:
    """The sentences of a text, verbatim and in order; a line break always ends one.

    Lists and tables stand a row to a line in a passage, so each row is a sentence of its own.
    """
    sentences: list[str] = []
    for line in text.splitlines():
        for start in range(0, len(line), _LONGEST_LINE):
            piece = line[start : start + _LONGEST_LINE]
            document = _pipeline("zh" if is_chinese(piece) else "en")(piece)
            starts = [_before_brackets(piece, sentence.start_char) for sentence in document.sents]
            sentences.extend(piece[start:end].strip() for start, end in zip(starts, [*starts[1:], len(piece)]))
    return tuple(sentence for sentence in sentences if sentence)


def _before_brackets(text: str, start: int) -> int:
    """Where a sentence begins: spaCy counts a bracket or quotation mark in front of it to the sentence before."""
    opening = _OPENING.search(text, max(start - _MOST_OPENING, 0), start)
    return opening.start() if opening else start


@lru_cache(maxsize=2)
def _pipeline(language: str) -> Language:
    import spacy

    pipeline = spacy.blank(language)
    # Chinese is read character by character: a full stop may stand in the middle of 3.5.
    pipeline.add_pipe("sentencizer", config={"punct_chars": list("。｡！!？?…")} if language == "zh" else {})
    return pipeline
