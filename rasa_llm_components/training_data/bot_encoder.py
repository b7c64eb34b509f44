"""The encoder that a bot's config.yml names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.registry import shared_encoder

_USUAL = Path("config.yml")


def bot_encoder(config: Path | None) -> SentenceEncoder:
    """The encoder of the bot's TransformerFeaturizer, or the packaged one where it has none.

    Args:
        config: a file; None for config.yml where there is one.

    Raises:
        ConfigurationError: no such file, no YAML, or not the weights that it names.
    """
    if config is None:
        return shared_encoder(_featurizer(_USUAL)) if _USUAL.is_file() else shared_encoder({})
    return shared_encoder(_featurizer(config))


def _featurizer(config: Path) -> dict[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"can't be read: {error.strerror}.", component=str(config)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"this is no YAML file: {' '.join(str(error).split())}", component=str(config)
        ) from error
    pipeline = content.get("pipeline") if isinstance(content, dict) else None
    for entry in pipeline or []:
        if isinstance(entry, dict) and str(entry.get("name", "")).endswith("TransformerFeaturizer"):
            return entry
    return {}
