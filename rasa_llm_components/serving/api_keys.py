"""Who may ask the server: keys of which only the hash is stored, each with an allowance."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.rate_limiter import RateLimiter
from rasa_llm_components.serving.refusals import RefusalError

logger = logging.getLogger(__name__)

_COMPONENT = "rasa-llm serve"
_PREFIX = "rlc-"


class ApiKeys:
    """The keys of a file, read again when it changes: a key that is taken out is refused from then on.

    Keys are long and random, so a plain SHA-256 hides them; every stored hash is compared, each in constant time.
    """

    def __init__(self, file: Path) -> None:
        """Reads the file.

        Raises:
            ConfigurationError: it is not there, or not as it should be.
        """
        self._file = file
        self._changed_at = _changed_at(file)
        self._names, self._limiters = _read(file)

    def check(self, authorization: str) -> str:
        """The name of the key in an `Authorization` header.

        Raises:
            RefusalError: 401 without a known key, 429 when its allowance is used up.
        """
        self._read_again()
        scheme, _, key = authorization.partition(" ")
        given = hash_of(key.strip())
        name = ""
        for known, its_name in self._names.items():
            if hmac.compare_digest(known, given):
                name = its_name
        if scheme.lower() != "bearer" or not name:
            raise RefusalError(401, "no API key, or one that is not known here", kind="authentication_error")
        wait = self._limiters[name].take(name)
        if wait:
            raise RefusalError(
                429, f"the key {name} has used up its allowance", kind="rate_limit_error", retry_after=wait
            )
        return name

    def _read_again(self) -> None:
        changed_at = _changed_at(self._file)
        if changed_at == self._changed_at:
            return
        self._changed_at = changed_at
        try:
            names, limiters = _read(self._file)
        except ConfigurationError as error:
            logger.error("%s The keys known before stay.", error)
            return
        # An allowance that has not changed goes on where it was.
        for name, limiter in limiters.items():
            before = self._limiters.get(name)
            if before is not None and before.per_minute == limiter.per_minute:
                limiters[name] = before
        self._names, self._limiters = names, limiters


def hash_of(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def add_key(file: Path, name: str, per_minute: int) -> str:
    """Makes a key, and adds its hash to the file.

    Args:
        file: made if it is not there.
        name: whose key it is.
        per_minute: requests; 0 means no limit.

    Returns:
        The key; it cannot be had a second time.

    Raises:
        ConfigurationError: there is a key of that name, or the file is not as it should be.
    """
    entries = _entries(file) if file.exists() else []
    if any(entry["name"] == name for entry in entries):
        raise ConfigurationError(
            "there is a key of that name.", component=_COMPONENT, key="--new-key", value=name, fix="Take it out first."
        )
    key = _PREFIX + secrets.token_urlsafe(32)
    entries.append({"name": name, "sha256": hash_of(key), "requests_per_minute": per_minute})
    # A server that reads the file meanwhile finds the old one or the new one, never a half of it.
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    new.touch(0o600)
    new.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
    os.replace(new, file)
    return key


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _read(file: Path) -> tuple[dict[str, str], dict[str, RateLimiter]]:
    entries = _entries(file)
    names = {str(entry["sha256"]).lower(): str(entry["name"]) for entry in entries}
    return names, {str(entry["name"]): RateLimiter(int(entry.get("requests_per_minute", 0))) for entry in entries}


def _entries(file: Path) -> list[Mapping[str, Any]]:
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8")) or []
        whole = isinstance(entries, list) and all(
            isinstance(entry, dict)
            and isinstance(entry.get("name"), str)
            and re.fullmatch("[0-9a-fA-F]{64}", str(entry.get("sha256")))
            and int(entry.get("requests_per_minute", 0)) >= 0
            for entry in entries
        )
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise _mistake(file, " ".join(str(error).split())) from error
    if not whole:
        raise _mistake(file, "it is no list of keys with a name and a sha256 each")
    return list(entries)


def _mistake(file: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"the keys cannot be read ({problem}).",
        component=_COMPONENT,
        key="api_keys",
        value=str(file),
        fix=f"Make one: rasa-llm serve --api-keys {file} --new-key NAME",
    )
