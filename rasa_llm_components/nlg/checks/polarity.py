"""Words that turn a statement round: negation, limits and exceptions, opposites."""

from __future__ import annotations

import re

_NEGATION = re.compile(
    r"\b(?:no|not|never|none|neither|nor|cannot|without|nobody|nothing|unable|hardly|non)\b|n['’]t\b"
    r"|不(?!但|仅|过|同)|没有?|无|未|别(?!的|人)|勿|非(?!常)",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"\b(?:only|except|unless|excluding|exclusively|provided|if|solely)\b|仅|只|除非|除了|如果|必须",
    re.IGNORECASE,
)
_TURNS = (
    r"before|after|until|since|more|less|fewer|over|under|above|below|between|most|least|minimum|maximum|always|all|every"
    r"|each|any|include[sd]?|including|free|paid|extra|additional|possible|impossible|must|required|optional|automatically"
    r"|guaranteed?|open|closed|refuse[sd]?|forbidden|allowed|inside|outside|first|last|both|either|per|up to|within"
    r"|immediately|same|different|cheaper|faster|larger|smaller|higher|lower|new|used|yes"
    r"|today|tonight|tomorrow|yesterday"
    r"|by(?= (?:today|tomorrow|the end|next|\w+day|\d))"
)
_TURNING = re.compile(
    rf"\b(?:{_TURNS})\b|以上|以下|之前|之后|以内|至少|最多|免费|收费|包括|所有|全部|每|必须|可以|不能|马上|立即",
    re.IGNORECASE,
)


def is_negated(text: str) -> bool:
    """Whether a statement denies: an odd number of negations."""
    return len(_NEGATION.findall(text)) % 2 == 1


def limits(text: str) -> set[str]:
    """Words without which a statement holds more widely: only, except, unless, if."""
    return {word.lower() for word in _LIMIT.findall(text)}


def turning_words(text: str) -> set[str]:
    """Small words that change what a statement means: before, at least, free, all."""
    return {word.lower() for word in _TURNING.findall(text)}
