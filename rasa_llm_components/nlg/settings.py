"""The keys of `nlg:` in endpoints.yml, with their defaults, checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.registry import ENCODER_KEYS, GENERATOR_KEYS

COMPONENT = "GenerativeNLG"


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
        for key in ("time_budget", "max_concurrent", "max_tokens", "max_characters", "quote_sentences"):
            _at_least(settings, key, 0.001 if key == "time_budget" else 1)
        for key in ("max_wait", "cache_size", "passages", "history_turns", "quote_score", "nearness"):
            _at_least(settings, key, 0)
        return settings


KEYS: dict[str, Any] = {
    "knowledge": "",
    "threshold": 0.0,
    "cache_folder": ".rasa/knowledge",
    "encoder": {},
    **GENERATOR_KEYS,
    **{field.name: field.default for field in fields(Settings)},
}
"""All keys with their defaults. `threshold: 0.0` is the knowledge base's own."""


def check_keys(keys: Mapping[str, Any]) -> None:
    """Every key is known and of its default's type.

    Raises:
        ConfigurationError: names the key, the value and the fix.
    """
    _check(keys, KEYS, "")
    _check(keys.get("encoder") or {}, ENCODER_KEYS, "encoder: ")
    if not keys.get("knowledge") and not keys.get("model") and not keys.get("endpoint"):
        raise ConfigurationError(
            "there is nothing to answer from.",
            component=COMPONENT,
            key="knowledge",
            value=keys.get("knowledge", ""),
            fix="Write knowledge: FOLDER, or model: or endpoint: to rephrase only.",
        )


def _check(keys: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    for key, value in keys.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            fix = f"Did you mean `{near[0]}`?" if near else f"The keys are: {', '.join(sorted(known))}."
            raise ConfigurationError(
                "there is no such key.", component=COMPONENT, key=where + key, value=value, fix=fix
            )
        if not _fits(value, known[key]):
            wanted = {tuple: "a list of texts", dict: "keys below it", str: "a text", int: "a whole number"}.get(
                type(known[key]), "a number"
            )
            raise ConfigurationError(f"this must be {wanted}.", component=COMPONENT, key=where + key, value=value)


def _fits(value: Any, default: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(default, float):
        return isinstance(value, (int, float))
    if isinstance(default, tuple):
        return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return isinstance(value, type(default))


def _at_least(settings: Settings, key: str, least: float) -> None:
    value = getattr(settings, key)
    if value < least:
        raise ConfigurationError(
            "this is too small." if least else "this is negative.",
            component=COMPONENT,
            key=key,
            value=value,
            fix=f"Its default is {getattr(Settings(), key)}.",
        )
