"""`[Basel](city)`: entities as nlu files mark them. What a model writes gets marks copied from examples, or none."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from rasa_llm_components.training_data.example import without_annotations

_MARKED = re.compile(r"\[(?P<text>[^\[\]]+)\](?P<mark>\([^()]+\)|\{[^{}]+\}(?:\[[^\]]*\])?)")
_LIST_OF_MARKED = re.compile(r"\[(?P<inner>(?:[^\[\]]*\[[^\[\]]+\](?:\([^()]+\)|\{[^{}]+\})[^\[\]]*)+)\](?:\[[^\]]*\])")
_NUMBER_OR_ADDRESS = re.compile(r"\S*[\d@]\S*")


def marked_values(example: str) -> list[tuple[str, str]]:
    """`(value, mark)` of each entity of an example, such as `("Basel", "(city)")`."""
    inside = _LIST_OF_MARKED.sub(lambda marked: marked["inner"], example)
    return [(marked["text"], marked["mark"]) for marked in _MARKED.finditer(inside)]


class EntityAnnotations:
    """What the examples of one intent mark, and what those of the others do."""

    def __init__(self, own: Iterable[str], marked_elsewhere: Iterable[str]) -> None:
        """Reads the marks.

        Args:
            own: the intent's examples, with their marks.
            marked_elsewhere: values that examples of other intents mark.
        """
        examples = list(own)
        self._marks: dict[str, set[str]] = defaultdict(set)
        for example in examples:
            for value, mark in marked_values(example):
                self._marks[value.lower()].add(mark)
        self._always = bool(examples) and all(marked_values(example) for example in examples)
        self._text = "\n".join(without_annotations(example) for example in examples).lower()
        elsewhere = {value.lower() for value in marked_elsewhere}
        self._unmarked_here = {value for value in elsewhere - set(self._marks) if not _found(value, self._text)}

    def carried_over(self, text: str) -> str | None:
        """The sentence with the marks that the intent's own examples have at the same words.

        Returns:
            None for a sentence that would teach the entity extractors something false: it holds an entity's value
            that cannot be marked from an example (a new number, a value of another intent, a value with two
            meanings), or no entity at all where every example of the intent has one.
        """
        values = [value for value in self._marks if _found(value, text.lower())]
        if any(_found(value, text.lower()) for value in self._unmarked_here):
            return None
        if any(len(self._marks[value]) > 1 for value in values) or (self._always and not values):
            return None
        if self._marks and self._new_numbers(text):
            return None
        return self._with_marks(text, values)

    def _new_numbers(self, text: str) -> bool:
        found = (word.strip(".,;:!?()\"'").lower() for word in _NUMBER_OR_ADDRESS.findall(text))
        return any(word not in self._text for word in found)

    def _with_marks(self, text: str, values: list[str]) -> str:
        if not values:
            return text
        longest_first = sorted(values, key=len, reverse=True)
        places = re.compile("|".join(_bounded(value) for value in longest_first), re.IGNORECASE)
        return places.sub(lambda place: f"[{place.group()}]{next(iter(self._marks[place.group().lower()]))}", text)


def _found(value: str, text: str) -> bool:
    return value in text and re.search(_bounded(value), text, re.IGNORECASE) is not None


def _bounded(value: str) -> str:
    """The value as a word of its own; Chinese has no spaces, so letters of Latin script count only."""
    return rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])"
