"""What a person says of the intents: better for a generator than their names."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from rasa_llm_components.errors import ConfigurationError


def read_descriptions(file: Path | None, intents: Collection[str]) -> dict[str, str]:
    """Lines `intent: what it is about` of a YAML file.

    Args:
        file: None is no file.
        intents: of the bot; another one in the file is a slip.

    Returns:
        A text for each intent that the file names.

    Raises:
        ConfigurationError: the file can't be read, has another form, or names another intent.
    """
    import yaml

    if file is None:
        return {}
    try:  # everything in it is text: an intent may be called `yes`
        content = yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"it can't be read: {reason}", key="--descriptions", value=file) from error
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise ConfigurationError("it must hold lines `intent: what it is about`.", key="--descriptions", value=file)
    for intent in content:
        if intent not in intents:
            raise ConfigurationError(
                f"no example has the intent {intent}.", key="--descriptions", value=file, fix="Is the name right?"
            )
    return content
