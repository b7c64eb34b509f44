"""The messages that a bot is measured with."""

from __future__ import annotations

from pathlib import Path

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.training_data.nlu_file import read_nlu_files

MOST = 500


def messages_from(file: Path | None, data: Path) -> list[str]:
    """A file's lines, or the bot's own examples, at most `MOST` from all over them.

    Args:
        file: one message a line; None for the examples.
        data: the bot's training data.

    Raises:
        ConfigurationError: the file can't be read, or there are no examples.
    """
    if file is None:
        texts = [example.text for nlu in read_nlu_files(data) for example in nlu.examples]
    else:
        try:
            texts = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise ConfigurationError(f"can't be read: {reason}.", component=str(file)) from error
    texts = list(dict.fromkeys(text.strip() for text in texts if text.strip()))
    stride = max(1, -(-len(texts) // MOST))
    return texts[::stride]
