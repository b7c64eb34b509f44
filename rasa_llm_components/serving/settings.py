"""What the server's YAML file says. Every key has a default; a file without any serves the packaged encoder."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models import registry
from rasa_llm_components.models.registry import DEFAULT_ENCODER
from rasa_llm_components.settings import check_smallest, checked_keys

COMPONENT = "rasa-llm serve"

_ENCODER = ("model", "device", "dtype", "runtime", "query_prefix", "passage_prefix")
ENCODER_KEYS: dict[str, Any] = {
    **{key: registry.ENCODER_KEYS[key] for key in _ENCODER},
    # Threads; 0 is one a core where texts are read alone, else one.
    "workers": 0,
}
GENERATOR_KEYS: dict[str, Any] = {
    # A .gguf file or package:NAME, run by llama.cpp here; or the model's name behind `endpoint`.
    "model": "",
    "endpoint": "",
    "api_key": "",
    # Tokens of one prompt and its reply; replies written at the same time; requests that may wait.
    "context": 2048,
    "parallel": 4,
    "waiting": 16,
    "threads": 0,
    # Seconds for a whole reply behind `endpoint`.
    "seconds": 120.0,
}
LIMITS: dict[str, Any] = {
    # In one request: texts, letters of one text, bytes of the body, tokens of a reply.
    "texts": 512,
    "letters": 20_000,
    "body_bytes": 4_000_000,
    "reply_tokens": 1024,
    # About so many tokens may wait for a pass; more are refused with 503.
    "waiting_tokens": 20_000,
}
_KEYS: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 8080,
    "encoders": {},
    "bots": {},
    "generators": {},
    "limits": {},
    "api_keys": "",
    "tls_certificate": "",
    "tls_key": "",
    # Look so often for a bot's newer model, in seconds; 0 never does.
    "look_for_models": 5.0,
}


@dataclass(frozen=True)
class ServeSettings:
    """What to serve, where, and to whom.

    Attributes:
        host: address to listen on; this machine alone unless another is written.
        port: to listen on; 0 takes a free one.
        encoders: name → `ENCODER_KEYS`.
        bots: name → file or folder of trained models.
        generators: name → `GENERATOR_KEYS`.
        limits: `LIMITS`.
        api_keys: file of keys; None lets everybody ask.
        tls: files of certificate and key; None is plain HTTP.
        look_for_models: seconds.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    encoders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bots: Mapping[str, Path] = field(default_factory=dict)
    generators: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=lambda: dict(LIMITS))
    api_keys: Path | None = None
    tls: tuple[Path, Path] | None = None
    look_for_models: float = 5.0

    @classmethod
    def from_file(cls, file: Path | None, **given: Any) -> ServeSettings:
        """Reads a YAML file.

        Args:
            file: None takes the defaults.
            given: keys of the command line, over those of the file; None is not given.

        Raises:
            ConfigurationError: not there, no YAML, a key that there is not, a value that cannot be.
        """
        written: Any = {}
        if file is not None:
            try:
                written = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
            except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
                problem = " ".join(str(error).split())
                raise ConfigurationError(
                    f"the file cannot be read ({problem}).", component=COMPONENT, key="--config", value=str(file)
                ) from error
            if not isinstance(written, dict):
                raise ConfigurationError(
                    "the file holds no keys.",
                    component=COMPONENT,
                    key="--config",
                    value=str(file),
                    fix="Write `port: 8080`.",
                )
        return cls.from_keys({**written, **{k: v for k, v in given.items() if v is not None}})

    @classmethod
    def from_keys(cls, written: Mapping[str, Any]) -> ServeSettings:
        """Checks what was written. Raises ConfigurationError."""
        keys = checked_keys(COMPONENT, written, _KEYS)
        check_smallest(COMPONENT, keys, {"port": 0, "look_for_models": 0}, _KEYS)
        if keys["port"] > 65_535:
            raise ConfigurationError("ports end at 65535.", component=COMPONENT, key="port", value=keys["port"])
        limits = checked_keys(COMPONENT, keys["limits"], LIMITS, where="limits: ")
        check_smallest(COMPONENT, limits, dict.fromkeys(LIMITS, 1), LIMITS, where="limits: ")
        encoders = _named(keys["encoders"], "encoders", ENCODER_KEYS)
        generators = _named(keys["generators"], "generators", GENERATOR_KEYS)
        _check_models(encoders, keys["bots"], generators)
        if not encoders and not keys["bots"] and not generators:
            encoders = {"encoder": dict(ENCODER_KEYS)}
        return cls(
            host=keys["host"],
            port=keys["port"],
            encoders=encoders,
            bots={name: Path(path) for name, path in keys["bots"].items()},
            generators=generators,
            limits=limits,
            api_keys=Path(keys["api_keys"]) if keys["api_keys"] else None,
            tls=_tls(keys["tls_certificate"], keys["tls_key"]),
            look_for_models=float(keys["look_for_models"]),
        )


def _check_models(
    encoders: Mapping[str, Any], bots: Mapping[str, Any], generators: Mapping[str, Mapping[str, Any]]
) -> None:
    for name, generator in generators.items():
        if not generator["model"]:
            raise ConfigurationError(
                "which model?",
                component=COMPONENT,
                key=f"generators: {name}: model",
                value="",
                fix="Name a .gguf file, package:NAME, or the model behind `endpoint`.",
            )
        if name in encoders:
            raise ConfigurationError(
                "an encoder has the same name.", component=COMPONENT, key="generators", value=name, fix="Rename one."
            )
    for name, path in bots.items():
        if not isinstance(path, str):
            raise ConfigurationError(
                "this must be a file or a folder.", component=COMPONENT, key=f"bots: {name}", value=path
            )


def _tls(certificate: str, key: str) -> tuple[Path, Path] | None:
    if not certificate and not key:
        return None
    fix = "Certificate and key go together, both as PEM files."
    for name, file in (("tls_certificate", certificate), ("tls_key", key)):
        if not Path(file).is_file():
            raise ConfigurationError("there is no such file.", component=COMPONENT, key=name, value=file, fix=fix)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        problem = f"certificate and key cannot be read together ({error})."
        raise ConfigurationError(
            problem, component=COMPONENT, key="tls_certificate", value=certificate, fix=fix
        ) from error
    return Path(certificate), Path(key)


def _named(written: Mapping[str, Any], kind: str, defaults: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found = {}
    for name, keys in written.items():
        if not isinstance(keys, dict):
            raise ConfigurationError(
                "this must be keys below it.",
                component=COMPONENT,
                key=f"{kind}: {name}",
                value=keys,
                fix=f"Write {name}: {{model: {DEFAULT_ENCODER}}}",
            )
        found[str(name)] = checked_keys(COMPONENT, keys, defaults, where=f"{kind}: {name}: ")
    return found
