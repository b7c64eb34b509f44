"""Keeps embedded texts on the disk, so that only new or changed texts are embedded."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rasa_llm_components.models.protocols import SentenceEncoder

logger = logging.getLogger(__name__)


class VectorCache:
    """One file for each encoder; a text's vector is found by the text's hash."""

    def __init__(self, folder: str | Path | None) -> None:
        """Keeps its files in `folder`; None keeps nothing."""
        self._folder = Path(folder).expanduser() if folder else None

    def encode(self, texts: Sequence[str], encoder: SentenceEncoder) -> np.ndarray:
        """Sentence vectors `(len(texts), dimension)` of passages; the file then holds just these texts.

        A file that is damaged is written anew. A folder that cannot be written to costs time at the
        next start and nothing else: a warning names it.
        """
        stored = self._read(encoder)
        hashes = [_hash(text) for text in texts]
        new = list({digest: text for digest, text in zip(hashes, texts) if digest not in stored}.items())
        if new:
            vectors = encoder.encode([text for _, text in new], kind="passage", show_progress=True)
            stored.update(zip((digest for digest, _ in new), np.asarray(vectors, np.float32)))
        if new or len(stored) != len(set(hashes)):
            self._write(encoder, {digest: stored[digest] for digest in hashes})
        rows = [stored[digest] for digest in hashes]
        return np.stack(rows) if rows else np.zeros((0, encoder.dimension), np.float32)

    def _file(self, encoder: SentenceEncoder) -> Path | None:
        name = hashlib.sha256(encoder.fingerprint.encode()).hexdigest()[:16]
        return self._folder / f"vectors-{name}.npz" if self._folder else None

    def _read(self, encoder: SentenceEncoder) -> dict[str, np.ndarray]:
        file = self._file(encoder)
        if file is None or not file.exists():
            return {}
        try:
            with np.load(file, allow_pickle=False) as content:
                hashes, vectors = content["hashes"], content["vectors"]
            if vectors.shape != (len(hashes), encoder.dimension) or not np.isfinite(vectors).all():
                raise ValueError("its vectors are not this encoder's")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            logger.warning("%s is damaged (%s); the documents are embedded anew.", file, error)
            return {}
        return dict(zip(hashes.tolist(), vectors))

    def _write(self, encoder: SentenceEncoder, vectors: dict[str, np.ndarray]) -> None:
        """Writes a file beside the old one and puts it in its place, so that there is never half a file."""
        file = self._file(encoder)
        if file is None or not vectors:
            return
        temporary = ""
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".vectors-", suffix=".part")
            with os.fdopen(handle, "wb") as stream:
                np.savez(stream, hashes=np.array(list(vectors)), vectors=np.stack(list(vectors.values())))
            os.replace(temporary, file)
        except OSError as error:
            logger.warning("Vectors cannot be kept in %s: %s", file.parent, error)
            if temporary:
                Path(temporary).unlink(missing_ok=True)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
