"""Names and addresses: each stands in the source or in the headings above it."""

from __future__ import annotations

from rasa_llm_components.nlg.checks.names import addresses, holds_name, names
from rasa_llm_components.nlg.checks.sources import Source


def check_names(sentence: str, source: Source) -> str:
    """The first name or address that the source does not hold; empty when it holds all."""
    for address in addresses(sentence):
        if address not in source.text:
            return f"the source has no address {address}"
    for name in names(sentence):
        if not holds_name(source.with_headings, name):
            return f"the source has no name {name}"
    return ""
