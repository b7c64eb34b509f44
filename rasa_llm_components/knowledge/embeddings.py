"""The vectors of texts: one for each text, and one for each of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rasa_llm_components.models.protocols import SentenceEncoder

_TEXTS_AT_ONCE = 1024


@dataclass(frozen=True)
class Embeddings:
    """Vectors of texts, as they are kept in memory or on the disk.

    Attributes:
        vectors: `(texts, dimension)` float32, each of length 1.
        tokens: `(all tokens, dimension)` int8, the direction of each token's vector. 384 bytes a
            token with the packaged encoder, about 60 KB a passage.
        token_starts: `(all tokens,)` int32, where each token begins in its text.
        ends: `(texts,)` int64, the row after the last token of each text.
    """

    vectors: np.ndarray
    tokens: np.ndarray
    token_starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def embed(cls, texts: Sequence[str], with_tokens: int, encoder: SentenceEncoder) -> Embeddings:
        """Embeds texts as passages.

        Args:
            texts: what to embed.
            with_tokens: for how many of them, from the first, token vectors are kept.
            encoder: one whose token vectors do not travel (a server) gives none.
        """
        parts = [cls._read(block, encoder) for block in _blocks(texts[:with_tokens])]
        rest = texts[with_tokens:]
        if rest or not parts:
            nothing = np.zeros((0, encoder.dimension), np.int8)
            vectors = encoder.encode(rest, kind="passage", show_progress=True) if rest else nothing
            parts.append(cls(vectors, nothing, np.zeros(0, np.int32), np.zeros(len(rest), np.int64)))
        counts = np.concatenate([np.diff(part.ends, prepend=0) for part in parts])
        return cls(
            vectors=np.concatenate([part.vectors for part in parts]).astype(np.float32),
            tokens=np.concatenate([part.tokens for part in parts]),
            token_starts=np.concatenate([part.token_starts for part in parts]),
            ends=np.cumsum(counts, dtype=np.int64),
        )

    @classmethod
    def _read(cls, texts: Sequence[str], encoder: SentenceEncoder) -> Embeddings:
        read = encoder.encode_words(texts, kind="passage", show_progress=True)
        return cls(
            vectors=np.stack([text.sentence for text in read]),
            tokens=np.concatenate([to_int8(text.tokens) for text in read]),
            token_starts=np.array([start for text in read for start, _ in text.spans], dtype=np.int32),
            ends=np.cumsum([len(text.tokens) for text in read], dtype=np.int64),
        )

    @classmethod
    def gather(cls, parts: Sequence[tuple[Embeddings, int]]) -> Embeddings:
        """The given rows of the given embeddings, in this order."""
        spans = [embeddings.token_span(row) for embeddings, row in parts]
        return cls(
            vectors=np.stack([embeddings.vectors[row] for embeddings, row in parts]),
            tokens=np.concatenate([part.tokens[start:end] for (part, _), (start, end) in zip(parts, spans)]),
            token_starts=np.concatenate(
                [part.token_starts[start:end] for (part, _), (start, end) in zip(parts, spans)]
            ),
            ends=np.cumsum([end - start for start, end in spans], dtype=np.int64),
        )

    def token_span(self, row: int) -> tuple[int, int]:
        """First row of a text's tokens, and the row after the last."""
        return (int(self.ends[row - 1]) if row else 0), int(self.ends[row])


def _blocks(texts: Sequence[str]) -> list[Sequence[str]]:
    """Token vectors are large before they are 8-bit integers: 240 kB a passage."""
    return [texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE)]


def to_int8(vectors: np.ndarray) -> np.ndarray:
    """The directions of vectors `(rows, dimension)` in a quarter of the bytes; their lengths are lost."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    return np.rint(vectors * (127.0 / np.maximum(largest, 1e-12))).astype(np.int8)


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """The rows as float32, each of length 1; rows of zeros stay."""
    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return rows / np.maximum(lengths, 1e-12)[:, None]
