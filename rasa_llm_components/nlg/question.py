"""A question that cannot be understood alone is read together with the one before it.

"And how long does that take?" has words that point back (that, it, there …), or begins as something
goes on (and, what about …), or is hardly more than a name ("To Norway?"). Only such a question is
completed, and only with the customer's own previous question: a question that stands alone must not
become answerable by what was asked before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rasa_llm_components.knowledge.sentences import is_chinese
from rasa_llm_components.nlg.checks.words import content_words, words
from rasa_llm_components.nlg.turn import Turn

LONGEST_FOLLOW_UP = 12
"""Words (Chinese: characters) up to which a question may lean on the one before it."""

_POINTS_BACK = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|their|there|he|she|him|her|one|ones|then|same|so)\b"
    r"|它|他|她|这|那|其|该|同样",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"^\W*(?:and|or|but|also|what about|how about|what if|why|why not|how come|how so|since when|until when|for how)\b"
    r"|^\W*(?:那|还有|另外|如果|为什么|那么)|呢\W*$",
    re.IGNORECASE,
)


def completed(question: str, history: Sequence[Turn]) -> str:
    """The question with the one before it in front; empty when it stands alone or is the first.

    Args:
        question: the customer's last message.
        history: the conversation before it, the oldest first.
    """
    before = next((turn.text for turn in reversed(history) if _is_question(turn)), "")
    return f"{before} {question}" if before and leans_on_context(question) else ""


def leans_on_context(question: str) -> bool:
    """Whether a question is short and points back, goes on from something, or names one thing only."""
    if len(words(question)) > LONGEST_FOLLOW_UP:
        return False
    if _POINTS_BACK.search(question) or _GOES_ON.search(question):
        return True
    return len(content_words(question)) <= 1 and not (is_chinese(question) and len(question) > 6)


def _is_question(turn: Turn) -> bool:
    """A customer's message of some substance, itself no follow-up."""
    return turn.by_customer and bool(content_words(turn.text)) and not leans_on_context(turn.text)
