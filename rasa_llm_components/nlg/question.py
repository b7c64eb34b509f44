"""A question that cannot be understood alone is read together with the one before it.

Evidence is needed: a word that points back (that, it, there …), a beginning that goes on (what about …,
and to …, how much for …), or hardly more than a name ("To Norway?"). Only such a question is completed, and
only with the customer's own previous question: one that stands alone ("Do you engrave?") must neither
become answerable by what was asked before it, nor be answered with that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rasa_llm_components.knowledge.sentences import is_chinese, split_sentences
from rasa_llm_components.nlg.checks.countries import countries
from rasa_llm_components.nlg.checks.words import content_words, words
from rasa_llm_components.nlg.turn import Turn

LONGEST_FOLLOW_UP = 12
"""Words (Chinese: characters) up to which a question may lean on the one before it."""
_MOST = 3

_PLACES = r"to|for|from|in|into|on|at|with|by|after|before|within|without|as"
_POINTS_BACK = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|their|theirs|there|he|she|him|her)\b"
    rf"|\bones?(?=\W*$|\s+(?:{_PLACES}|too|instead)\b)|\bthe same(?=\W*$|\s+(?:{_PLACES}|thing|price|there)\b)"
    r"|它|他|她|这|那|其|该|同样",
    re.IGNORECASE,
)
_POINTS_NOWHERE = re.compile(
    r"\b(?:is|was|would|will|are|were)(?:n't)? there\b|\bthere(?:'s| is| are| was| will)\b|\b(?:hi|hello|hey) there\b"
    r"|\b(?:is|was|would|will)(?: it| it be)(?= (?:possible|ok|okay|true|allowed|safe to|too late))"
    r"|\bit(?:'s| is)(?= (?:possible|ok|okay|true|allowed|my|our))"
    r"|\b(?:know|think|say|says|said|read|sure|mean|hope|heard|guarantee|promise) that\b|\bthat (?=i\b|you\b|we\b)"
    r"|\b(?:this|these) (?:morning|afternoon|evening|week|weekend|month|year|summer|winter|spring|autumn|days?)\b"
    r"|\bthis is (?:my|our|a|an)\b",
    re.IGNORECASE,
)
"""`Is it possible to …`, `Are there …`: the words point at nothing."""

_GOES_ON = re.compile(
    r"^\W*(?:(?:and|or|but|so)\W+)?(?:what about|how about|what if|how come|how so)\b"
    r"|^\W*(?:(?:and|or|but|so)\W+)?(?:since|until) when\W*$"
    rf"|^\W*(?:(?:and|or|but)\W+)?how (?:much|many|long|soon|fast|late)\s+(?:{_PLACES})\b"
    r"|^\W*(?:and|or|but)\W+(?!(?:how|when|what|where|who|which|why|do|does|did|is|are|can|could|will|would|may|must"
    r"|should|have|has|i|you|we|my|your|our|please|also|then)\b)"
    r"|^\W*(?:那|还有|另外|如果|为什么|那么)|呢\W*$",
    re.IGNORECASE,
)
_OPENS_WITH_A_PLACE = re.compile(rf"^\W*(?:{_PLACES})\b", re.IGNORECASE)
_OWN_CLAUSE = re.compile(r"\b(?:i|you|we|my|your|our|(?:is|are|were|was) there|there (?:is|are))\b", re.IGNORECASE)


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
    if _POINTS_BACK.search(_POINTS_NOWHERE.sub(" ", question)) or _GOES_ON.search(question):
        return True
    own = content_words(question)
    if is_chinese(question):
        return len(own) <= 1 and len(question) <= 6
    return not own or (len(own) == 1 and not _OWN_CLAUSE.search(question))


def may_be_a_new_topic(question: str) -> bool:
    """Whether a question is a bare word ("Warranty?"): a topic of its own, if the documents know it."""
    if _POINTS_BACK.search(_POINTS_NOWHERE.sub(" ", question)) or _GOES_ON.search(question):
        return False
    return bool(content_words(question)) and not _OPENS_WITH_A_PLACE.search(question) and not countries(question)


def questions_within(message: str) -> list[str]:
    """The sentences of a longer message that ask something and stand alone, at most three."""
    asked = [sentence for sentence in split_sentences(message) if sentence.endswith(("?", "？"))]
    return [sentence for sentence in asked if sentence != message.strip() and not leans_on_context(sentence)][:_MOST]


def _is_question(turn: Turn) -> bool:
    """A customer's message of some substance, itself no follow-up."""
    return turn.by_customer and bool(content_words(turn.text)) and not leans_on_context(turn.text)
