"""Keeps embedded texts on the disk, so that only new or changed texts are embedded."""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from rasa_llm_components.knowledge.embeddings import Embeddings
from rasa_llm_components.models.protocols import SentenceEncoder

logger = logging.getLogger(__name__)

_HASHES = "hashes.npy"
_ARRAYS = [field.name for field in fields(Embeddings)]
_ABANDONED = 3600.0
"""Seconds after which a half-written folder belongs to a process that was killed."""


class EmbeddingCache:
    """`folder/<encoder>/<texts>/*.npy`: a folder is complete or it is not there.

    It is written under another name and then renamed. The token vectors stay on the disk and are
    mapped into memory, so that a large knowledge base costs little of it.
    """

    def __init__(self, folder: str | Path) -> None:
        """Keeps its files in `folder`, which is made when it is needed."""
        self._folder = Path(folder).expanduser()

    def embed(self, texts: Sequence[str], with_tokens: int, encoder: SentenceEncoder) -> Embeddings:
        """The embeddings of the texts, from the disk as far as they are there.

        Damaged files are embedded anew. A folder that cannot be written to costs time at the next
        start and nothing else: a warning names it.

        Args:
            texts: what to embed.
            with_tokens: for how many of them, from the first, token vectors are kept.
            encoder: embeds what is not there.
        """
        home = self._folder / _hash(encoder.fingerprint)[:16]
        keys = [_hash(f"{index < with_tokens} {text}") for index, text in enumerate(texts)]
        wanted = home / _hash("".join(keys))[:16]
        complete = _read(wanted, encoder)
        if complete is not None:
            return complete[1]
        gathered = _gather(texts, with_tokens, keys, encoder, _older(home, encoder))
        try:
            _write(wanted, keys, gathered)
        except OSError as error:
            logger.warning("Embedded documents cannot be kept in %s: %s", self._folder, error)
            return gathered
        _remove_others(wanted)
        written = _read(wanted, encoder)
        return written[1] if written else gathered


def _gather(
    texts: Sequence[str],
    with_tokens: int,
    keys: list[str],
    encoder: SentenceEncoder,
    older: dict[str, tuple[Embeddings, int]],
) -> Embeddings:
    """What older folders have, and the rest embedded."""
    missing = [index for index, key in enumerate(keys) if key not in older]
    new = Embeddings.embed([texts[index] for index in missing], sum(index < with_tokens for index in missing), encoder)
    if len(missing) == len(keys):
        return new
    parts = {keys[index]: (new, row) for row, index in enumerate(missing)}
    return Embeddings.gather([parts.get(key) or older[key] for key in keys])


def _older(home: Path, encoder: SentenceEncoder) -> dict[str, tuple[Embeddings, int]]:
    """Where each text of every complete folder stands."""
    found: dict[str, tuple[Embeddings, int]] = {}
    for folder in sorted(home.glob("[0-9a-f]*")):
        content = _read(folder, encoder)
        if content is not None:
            found.update((key, (content[1], row)) for row, key in enumerate(content[0]))
    return found


def _read(folder: Path, encoder: SentenceEncoder) -> tuple[list[str], Embeddings] | None:
    if not folder.is_dir():
        return None
    try:
        hashes = np.load(folder / _HASHES).tolist()
        arrays = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in _ARRAYS}
        embeddings = Embeddings(**arrays)
        vectors, tokens = embeddings.vectors, embeddings.tokens
        fits = (
            vectors.shape == (len(hashes), encoder.dimension)
            and np.isfinite(vectors).all()
            and len(embeddings.ends) == len(hashes)
            and tokens.shape == (len(embeddings.token_starts), encoder.dimension)
            and (not len(hashes) or int(embeddings.ends[-1]) == len(tokens))
        )
        if not fits:
            raise ValueError("its arrays do not belong together")
    except (OSError, ValueError, TypeError, EOFError, AttributeError) as error:
        logger.warning("%s is damaged (%s); the documents are embedded anew.", folder, error)
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return hashes, embeddings


def _write(folder: Path, keys: list[str], embeddings: Embeddings) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".half-"))
    try:
        np.save(temporary / _HASHES, np.array(keys))
        for name in _ARRAYS:
            np.save(temporary / f"{name}.npy", getattr(embeddings, name))
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _remove_others(folder: Path) -> None:
    """Removes what older versions of the documents left; other processes keep what they have open."""
    for other in folder.parent.iterdir():
        abandoned = other.name.startswith(".half-") and time.time() - other.stat().st_mtime > _ABANDONED
        if abandoned or (other != folder and not other.name.startswith(".")):
            shutil.rmtree(other, ignore_errors=True)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
