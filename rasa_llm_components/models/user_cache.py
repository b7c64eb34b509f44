"""Files that are made once on a machine and can be made again: nobody has to back them up."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

logger = logging.getLogger(__name__)

FOLDER_VARIABLE = "RASA_LLM_CACHE"
"""Environment variable with another folder than the operating system's usual one for caches."""


def cache_folder() -> Path:
    """Where they lie; it may not exist yet."""
    import platformdirs

    return Path(os.environ.get(FOLDER_VARIABLE) or platformdirs.user_cache_dir("rasa-llm-components"))


def keep(content: bytes, file: Path) -> None:
    """Writes a file whole or not at all. A disk that is full or read-only costs time at the next start only."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
            os.replace(unfinished, file)
        except OSError:
            Path(unfinished).unlink(missing_ok=True)
            raise
    except OSError as error:
        logger.warning("%s cannot be kept for the next start: %s", file, error)
