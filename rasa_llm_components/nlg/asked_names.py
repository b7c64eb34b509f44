"""A text about France does not answer a question about Norway, however near the two may be in meaning.

Compared are names of which a text can hold a wrong one: countries, and things whose names end alike (the
Harbour Mug, the Name Mug), as the documents write them. Amounts and dates are not: a text that names
another amount than the customer mostly answers ("free from 60 €") or corrects.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.nlg.checks.countries import countries, covers, speaks_of_a_union
from rasa_llm_components.nlg.checks.quantities import quantities

_THING = re.compile(r"(?<![\w'’-])[A-Z][\w'’-]*(?: (?:and )?[A-Z][\w'’-]*){1,4}")
_NO_PART = re.compile(
    r"^(?:(?:The|A|An|Our|Your|My|Their|Its|We|You|This|That|These|Those|Every|Each|All|Both|Any|Some|No|Other|Another"
    r"|To|By|After|Before|For|In|On|At|Of|With|Without|Within|From|Until|Since|During|Between|Above|Over|Under|Per|Through"
    r"|If|When|While|As|And|Or|But|Not|Also|Only|Please|How|What|Which|Who|Where|Why|Is|Are|Do|Does|Can|May) )+"
)
"""Words that have a capital letter because a sentence begins: `To Canada`. `May` begins no thing's name either."""
_YES_OR_NO = re.compile(
    r"^\W*(?:(?:and|hi|hello|so)\W+)?(?:do|does|can|could|is|are|will|would|may|have)\b", re.IGNORECASE
)
_LIST = 2


class AskedNames:
    """Tells whether a text speaks past the names of a question."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        """Collects the names of things.

        Args:
            passages: all of the documents.
        """
        found = {_NO_PART.sub("", name) for passage in passages for name in _THING.findall(passage.text)}
        things = {_plain(name) for name in found if " " in name and not _only_countries(name)}
        self._things = sorted(things, key=len, reverse=True)

    def missed(self, questions: Sequence[str], text: str, headings: str = "") -> str:
        """The asked name that the text leaves out while it names another of the same kind; empty for none.

        Args:
            questions: the customer's own words first, then the question as it was completed: what the own
                words name counts alone.
            text: what would be sent.
            headings: above the text; a name there holds for all of it.
        """
        return self._missed_country(questions, text, headings) or self._missed_thing(questions, text, headings)

    def holds(self, questions: Sequence[str], text: str, headings: str = "") -> bool:
        """Whether the text names a country or thing that is asked about."""
        asked = _first(countries(question) for question in questions)
        if asked & countries(f"{headings}\n{text}"):
            return True
        return any(_names(text, thing) for thing in _first(self._things_of(question) for question in questions))

    def only_covered(self, questions: Sequence[str], text: str, headings: str = "") -> bool:
        """Whether the text names no asked country, but a group that holds one: "all other countries"."""
        asked = _first(countries(question) for question in questions)
        if asked & countries(f"{headings}\n{text}"):
            return False
        return any(covers(text, country) for country in asked)

    def _missed_country(self, questions: Sequence[str], text: str, headings: str) -> str:
        asked = _first(countries(question) for question in questions)
        others = countries(text, adjectives=False)
        if not asked or asked & countries(f"{headings}\n{text}"):
            return ""
        if not others and not speaks_of_a_union(text):
            return ""
        if any(covers(text, country) for country in asked):
            return ""
        if _YES_OR_NO.match(questions[0]) and len(others) >= _LIST and not quantities(text):
            return ""  # "We deliver to Austria, Switzerland and Norway" does answer "Do you deliver to Sweden?"
        return min(asked)

    def _missed_thing(self, questions: Sequence[str], text: str, headings: str) -> str:
        asked = _first(self._things_of(question) for question in questions)
        held = self._things_of(headings) | self._things_of(text)
        if not asked or asked & held:
            return ""
        rivals = {_kind(thing) for thing in self._things_of(text)}
        return min((thing for thing in asked if _kind(thing) in rivals), default="")

    def _things_of(self, text: str) -> frozenset[str]:
        """The things a text names; of `Galway Wool Scarf` not `Wool Scarf` as well, of two with `and` each."""
        found: list[str] = []
        for thing in self._things:
            if _names(text, thing) and not any(thing in longer for longer in found if " and " not in longer):
                found.append(thing)
        return frozenset(found)


def _first(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return next((names for names in sets if names), frozenset())


def _names(text: str, thing: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(thing)}s?(?![\w-])", text, re.IGNORECASE) is not None


def _only_countries(name: str) -> bool:
    """Whether a name is that of a country, or of several: `United States and Canada`. These are compared apart."""
    return all(countries(part, adjectives=False) == {part.lower()} for part in name.split(" and "))


def _plain(name: str) -> str:
    """In lower case and in the singular."""
    return re.sub(r"(?<!s)s$", "", name.replace("’", "'").lower())


def _kind(thing: str) -> str:
    """The last word: a Harbour Mug and a Name Mug are mugs."""
    return thing.rsplit(" ", 1)[-1]
