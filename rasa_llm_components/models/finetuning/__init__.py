"""Fine-tuning of an encoder's top layers for a bot's intents: one file a method, named with its paper."""

from __future__ import annotations

from typing import Any

FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert")
"""Encoders (Hugging Face's `model_type`) whose layers can be tuned."""

LONGEST = 128
"""Tokens of a message that tuned layers read: what it is about has been said by then."""


def can_be_tuned(encoder: object) -> bool:
    """Whether the encoder runs in this process and has layers of a known kind."""
    facts: Any = getattr(encoder, "facts", None)
    return getattr(facts, "family", "") in FAMILIES and getattr(facts, "activation", "") == "gelu"
