"""Which generator writes and which encoder judges: the command line's, else those of the bot's own files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.registry import GENERATOR_KEYS

CALL_SECONDS = 120.0
"""What one call of the generator may take: nobody waits at the other end of a conversation."""


def generator_keys(model: str | None, endpoint: str | None, written: Mapping[str, Any]) -> dict[str, Any]:
    """What says which generator: the command line, else what endpoints.yml says of replies.

    Args:
        model: from the command line; without an endpoint beside it, weights on this machine.
        endpoint: from the command line.
        written: the keys of `nlg:`.

    Raises:
        ConfigurationError: neither names one.
    """
    keys = {**GENERATOR_KEYS, "read_timeout": CALL_SECONDS}
    if model or endpoint:
        keys |= {"model": model or "", "endpoint": endpoint or "", "api_key": os.environ.get("OPENAI_API_KEY", "")}
    else:
        keys |= {key: written[key] for key in GENERATOR_KEYS if key in written and key != "read_timeout"}
    if not (keys["model"] or keys["endpoint"]):
        raise ConfigurationError(
            "no text generator is named.",
            key="--model",
            value="",
            fix="Write --endpoint http://host:port/v1 --model NAME for a server, or --model with weights on this"
            " machine; or run it where endpoints.yml names one.",
        )
    return keys


def encoder_keys(components: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The encoder of the bot's own pipeline; the default one where it has none."""
    ours = (entry for entry in components if str(entry.get("name", "")).endswith("TransformerFeaturizer"))
    return dict(next(ours, {}))
