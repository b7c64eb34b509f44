"""Numbers, dates and amounts: each stands in the source, with its unit and beside the same name."""

from __future__ import annotations

from rasa_llm_components.nlg.checks.clauses import clauses
from rasa_llm_components.nlg.checks.names import holds_name, names
from rasa_llm_components.nlg.checks.quantities import Quantity, quantities
from rasa_llm_components.nlg.checks.sources import Source


def check_numbers(sentence: str, source: Source) -> str:
    """What is wrong with the sentence's numbers; empty when nothing is."""
    held = quantities(source.text)
    for quantity in quantities(sentence):
        if not any(quantity.said_by(other) for other in held):
            return f"the source has no {_said(quantity)}"
    said = names(sentence)  # of the whole sentence: a name that opens a clause looks like any first word
    for clause in clauses(sentence):
        beside = [name for name in said if holds_name(clause, name)]
        for quantity in quantities(clause):
            stray = _stray_name(beside, quantity, source)
            if stray:
                return f"the source does not give {_said(quantity)} for {stray}"
    return ""


def _stray_name(said: list[str], quantity: Quantity, source: Source) -> str:
    """A name said beside the number here, and beside another number in the source."""
    whole = names(source.text)
    homes = [c for c in clauses(source.text) if any(quantity.said_by(other) for other in quantities(c))]
    rivals = [home for home in homes if any(holds_name(home, name) for name in whole)]
    if not homes or len(rivals) < len(homes):
        return ""  # a clause without a name of its own: the subject stands elsewhere
    for name in said:
        elsewhere = holds_name(source.text, name) and not any(holds_name(home, name) for home in homes)
        if elsewhere:
            return name
    return ""


def _said(quantity: Quantity) -> str:
    return f"{quantity.value} {quantity.unit}".strip()
