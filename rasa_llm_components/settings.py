"""Checks the keys that a developer wrote against their defaults. Knows nothing of Rasa."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from rasa_llm_components.errors import ConfigurationError

_KINDS: dict[type, str] = {
    bool: "of type bool: true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list of texts",
    dict: "keys below it, as `key: value`",
}


def checked_keys(
    component: str, keys: Mapping[str, Any], defaults: Mapping[str, Any], *, where: str = ""
) -> dict[str, Any]:
    """Checks keys and fills in what was not given.

    Args:
        component: whose keys they are, for the error.
        keys: as they were written; a key without a value counts as not given.
        defaults: all keys there are. A value must be of its default's type: whole numbers pass for fractions, a
            tuple stands for a list of texts, and a default of None takes anything.
        where: stands before the key in the error, `encoder: `.

    Returns:
        The defaults with the given values over them.

    Raises:
        ConfigurationError: names component, key, value and the fix.
    """
    given = {key: value for key, value in keys.items() if value is not None}
    for key, value in given.items():
        if key not in defaults:
            near = difflib.get_close_matches(str(key), defaults, n=1)
            fix = f"Did you mean `{near[0]}`?" if near else f"The keys are: {', '.join(sorted(defaults))}."
            raise ConfigurationError(
                "there is no such key.", component=component, key=f"{where}{key}", value=value, fix=fix
            )
        if not _fits(value, defaults[key]):
            kind = _KINDS[type(defaults[key])]
            raise ConfigurationError(f"this must be {kind}.", component=component, key=where + key, value=value)
    return {**defaults, **given}


def check_smallest(
    component: str,
    keys: Mapping[str, Any],
    smallest: Mapping[str, float],
    defaults: Mapping[str, Any],
    *,
    where: str = "",
) -> None:
    """No number is smaller than it may be.

    Args:
        component: whose keys they are, for the error.
        keys: checked ones.
        smallest: for each key the least that it may be.
        defaults: told in the error.
        where: stands before the key in the error, `store: `.

    Raises:
        ConfigurationError: names component, key, value and the fix.
    """
    for key, least in smallest.items():
        if keys[key] < least:
            fix = f"Write a number from {least:g} up; the default is {defaults[key]}."
            raise ConfigurationError(
                "this is too small.", component=component, key=where + key, value=keys[key], fix=fix
            )


def _fits(value: Any, default: Any) -> bool:
    if default is None:
        return True
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, (int, float))
    if isinstance(default, tuple):
        return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return isinstance(value, type(default))
