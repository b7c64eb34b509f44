"""Whose: `our warehouse` must not become `your warehouse`, nor `you pay` become `we pay`."""

from __future__ import annotations

import re

from rasa_llm_components.nlg.checks.sources import Source

OWNED = re.compile(r"\b(our|your|my|their|his|her)\s+(?:own\s+)?(\w+)", re.IGNORECASE)
_ACTING = re.compile(r"\b(we|you|i|they)\s+(?:will|can|may|must|should|also|only)?\s*(\w+)", re.IGNORECASE)


def check_persons(sentence: str, source: Source) -> str:
    """A thing or deed that the source gives to somebody else; empty when there is none."""
    return changed_person(sentence, source.text)


def changed_person(sentence: str, source: str) -> str:
    """The same for two texts."""
    for pattern in (OWNED, _ACTING):
        held: dict[str, set[str]] = {}
        for person, what in pattern.findall(source.lower()):
            held.setdefault(what, set()).add(person)
        for person, what in pattern.findall(sentence.lower()):
            if what in held and person not in held[what]:
                return f"the source says {sorted(held[what])[0]} {what}, not {person} {what}"
    return ""
