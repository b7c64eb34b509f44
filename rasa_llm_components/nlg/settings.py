"""The keys of `nlg:` in endpoints.yml, with their defaults, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.knowledge.qdrant_store import STORE_KEYS
from rasa_llm_components.models.registry import ENCODER_KEYS, GENERATOR_KEYS
from rasa_llm_components.settings import check_smallest, checked_keys

COMPONENT = "GenerativeNLG"
_SMALLEST = {
    "time_budget": 0.001,
    **dict.fromkeys(("max_concurrent", "max_tokens", "max_characters", "quote_sentences"), 1),
    **dict.fromkeys(("max_wait", "cache_size", "passages", "history_turns", "quote_score", "nearness"), 0),
}


@dataclass(frozen=True)
class Settings:
    """How replies are written. Each attribute is a key of `nlg:`.

    Attributes:
        time_budget: seconds from the customer's message to the reply, at most.
        max_wait: seconds to wait for a free generator before a passage is quoted instead.
        max_concurrent: generations at the same time.
        cache_size: replies kept.
        max_tokens: a reply's length at most, in the generator's tokens.
        max_characters: longer generated replies are not sent.
        passages: whole passages put before the generator; 0 for only the sentences that would be quoted,
            which small models read best.
        history_turns: messages put before the generator when a question leans on them.
        quote_sentences: sentences quoted at most.
        quote_score: a quotation's score at least, 0 … 1.
        nearness: cosine between a generated sentence and its source, at least.
        banned_phrases: no generated reply with one of them is sent.
        prompts: a folder with prompt files of the bot's own.
    """

    time_budget: float = 8.0
    max_wait: float = 2.0
    max_concurrent: int = 1
    cache_size: int = 256
    max_tokens: int = 60
    max_characters: int = 500
    passages: int = 0
    history_turns: int = 2
    quote_sentences: int = 2
    quote_score: float = 0.0
    nearness: float = 0.7
    banned_phrases: tuple[str, ...] = ()
    prompts: str = ""

    @classmethod
    def from_keys(cls, keys: Mapping[str, Any]) -> Settings:
        """Takes its own keys out of a checked configuration.

        Raises:
            ConfigurationError: a number out of its range.
        """
        chosen = {field.name: keys[field.name] for field in fields(cls) if field.name in keys}
        chosen["banned_phrases"] = tuple(str(phrase) for phrase in chosen.get("banned_phrases", ()))
        settings = cls(**chosen)
        check_smallest(COMPONENT, vars(settings), _SMALLEST, vars(cls()))
        return settings


KEYS: dict[str, Any] = {
    "knowledge": "",
    "threshold": 0.0,
    "cache_folder": ".rasa/knowledge",
    "store": {},
    "encoder": {},
    **GENERATOR_KEYS,
    **{field.name: field.default for field in fields(Settings)},
}
"""All keys with their defaults. `threshold: 0.0` is the knowledge base's own."""


def check_keys(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Checks that every key is known and of its default's type.

    Returns:
        All keys, with the defaults of those that were not given.

    Raises:
        ConfigurationError: names the key, the value and the fix.
    """
    complete = checked_keys(COMPONENT, keys, KEYS)
    checked_keys(COMPONENT, complete["encoder"], ENCODER_KEYS, where="encoder: ")
    checked_keys(COMPONENT, complete["store"], STORE_KEYS, where="store: ")
    if not complete["knowledge"] and not complete["model"] and not complete["endpoint"]:
        raise ConfigurationError(
            "there is nothing to answer from.",
            component=COMPONENT,
            key="knowledge",
            value=complete["knowledge"],
            fix="Write knowledge: FOLDER, or model: or endpoint: to rephrase only.",
        )
    return complete
