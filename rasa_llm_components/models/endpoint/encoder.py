"""Sentence vectors from `/v1/embeddings`, and from an encoder in this process while the server is away."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError, EncodingError, EndpointError
from rasa_llm_components.models.endpoint.connection import READ_TIMEOUT, Connection
from rasa_llm_components.models.normalisation import normalise
from rasa_llm_components.models.protocols import EncodedText, Kind, SentenceEncoder
from rasa_llm_components.models.shipped import PROBE

BUDGET = 1.0
"""Seconds that one message may wait for its vector."""

FINGERPRINT_HEADER = "x-model-fingerprint"
"""How this package's own server says whose vectors it sends (`serving/application.py`)."""

_TEXTS_PER_REQUEST = 64
_REMEMBERED_TEXTS = 256
_BYTES_A_TEXT = 200_000
_SAME = 0.999
"""Cosine between two vectors of `PROBE` from which on they are of the same weights, whatever computed them."""


class EndpointEncoder:
    """An encoder behind a server. Word vectors do not travel over this API: words get none.

    Few texts are somebody's message: they wait for `budget` seconds at most, and are then read by `fallback`, or not at
    all (EncodingError). Many texts are training: they wait, and an error ends it.
    """

    def __init__(
        self,
        connection: Connection,
        model: str,
        *,
        query_prefix: str = "",
        passage_prefix: str = "",
        read_timeout: float = READ_TIMEOUT,
        budget: float = BUDGET,
        fallback: SentenceEncoder | None = None,
    ) -> None:
        """Asks the server once for the vectors' size and whose they are.

        Args:
            connection: to the server.
            model: the encoder's name there.
            query_prefix: put before every question.
            passage_prefix: put before every document.
            read_timeout: seconds for a request of training.
            budget: seconds that a message may wait.
            fallback: the same weights in this process.

        Raises:
            EncodingError: the server does not answer as it should, and there is no fallback.
            ConfigurationError: the fallback's weights are not the server's.
        """
        self._connection, self._model, self._read_timeout = connection, model, read_timeout
        self._prefixes = {"query": query_prefix, "passage": passage_prefix}
        self._budget, self._fallback = budget, fallback
        self._its_own = ""  # the fingerprint that the server gives, if it is one of ours
        self._probe: np.ndarray | None = None
        self._encode_one = lru_cache(maxsize=_REMEMBERED_TEXTS)(self._encode_one_live)
        connection.look = self._look
        try:
            self._its_own = self._fingerprint_there()
            self._probe = self._requested([self._prepared(PROBE, "query")], read_timeout)[0]
        except EndpointError as error:
            if fallback is None:
                raise EncodingError(str(error)) from error
            connection.break_off(str(error))
            self._its_own, self._probe = fallback.fingerprint, fallback.encode([PROBE])[0]
        self.dimension = int(self._probe.shape[0])
        own = self._its_own or f"{connection.address}:{model}"
        self.fingerprint = own if own.endswith(self._prefix_mark) else own + self._prefix_mark
        if fallback is not None:
            self._check_fallback(fallback)

    @property
    def _prefix_mark(self) -> str:
        """What `Encoder` adds to the weights' fingerprint."""
        query, passage = self._prefixes["query"], self._prefixes["passage"]
        return f":{query}:{passage}" if query else ""

    def encode(self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False) -> np.ndarray:
        """Sentence vectors `(len(texts), dimension)`. Raises EncodingError."""
        if not len(texts):
            return np.zeros((0, self.dimension), np.float32)
        if len(texts) == 1:
            return self._encode_one(texts[0], kind)[None, :]
        if len(texts) <= _TEXTS_PER_REQUEST and not show_progress:
            return self._live(texts, kind)
        return self._many(texts, kind, show_progress=show_progress)

    def encode_words(
        self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False
    ) -> list[EncodedText]:
        """Sentence vectors alone: `tokens` is empty. Raises EncodingError."""
        nothing = np.zeros((0, self.dimension), np.float32)
        vectors = self.encode(texts, kind=kind, show_progress=show_progress)
        return [EncodedText(vector, nothing, ()) for vector in vectors]

    def _encode_one_live(self, text: str, kind: Kind) -> np.ndarray:
        return self._live([text], kind)[0]

    def _live(self, texts: Sequence[str], kind: Kind) -> np.ndarray:
        prepared = [self._prepared(text, kind) for text in texts]
        try:
            return self._connection.within(self._budget, lambda: self._requested(prepared, self._budget))
        except EndpointError as error:
            if self._fallback is None:
                raise EncodingError(str(error)) from error
        return self._fallback.encode(texts, kind=kind)

    def _many(self, texts: Sequence[str], kind: Kind, *, show_progress: bool) -> np.ndarray:
        prepared = [self._prepared(text, kind) for text in texts]
        starts: Any = range(0, len(prepared), _TEXTS_PER_REQUEST)
        if show_progress and len(prepared) > _TEXTS_PER_REQUEST:
            from tqdm import tqdm

            starts = tqdm(starts, desc="Encoding", unit="request", leave=False)
        try:
            return np.concatenate(
                [self._requested(prepared[start : start + _TEXTS_PER_REQUEST], self._read_timeout) for start in starts]
            )
        except EndpointError as error:
            raise EncodingError(str(error)) from error

    def _prepared(self, text: str, kind: Kind) -> str:
        return self._prefixes[kind] + normalise(text).text or " "

    def _requested(self, texts: list[str], seconds: float) -> np.ndarray:
        """Unit vectors from the server. Raises EndpointError."""
        ours = bool(self._its_own)
        body = {"model": self._model, "input": texts, "encoding_format": "base64" if ours else "float"}
        most = _BYTES_A_TEXT * len(texts)
        answer, headers = self._connection.post_again("embeddings", body, seconds=seconds, most_bytes=most)
        self._check_weights(headers.get(FINGERPRINT_HEADER, ""))
        try:
            vectors = _vectors(answer)
        except (ValueError, TypeError, KeyError) as error:
            raise EndpointError(f"{self._connection.address}embeddings: {type(error).__name__}: {error}") from error
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise EndpointError(f"{self._connection.address}embeddings: {len(texts)} texts sent, other vectors came.")
        if self._probe is not None and vectors.shape[1] != len(self._probe):
            raise EndpointError(
                f"{self._connection.address}embeddings: vectors of {vectors.shape[1]} numbers came, and it was"
                f" {len(self._probe)} before: other weights."
            )
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def _fingerprint_there(self) -> str:
        """What our own server says of its weights; empty for other servers. Raises EndpointError without an answer."""
        try:
            listed = self._connection.get("models", seconds=self._read_timeout)
        except EndpointError as error:
            if error.is_away:
                raise
            return ""
        rows = listed.get("data") if isinstance(listed, Mapping) else None
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, Mapping) and row.get("id") == self._model:
                return str(row.get("fingerprint", ""))
        return ""

    def _check_weights(self, now: str) -> None:
        """Heads trained on one encoder never read the vectors of another. Raises EndpointError."""
        if self._its_own and now and now != self._its_own:
            raise EndpointError(
                f"{self._connection.address}: the server has encoder {now} now, and the bot was started with"
                f" {self._its_own}. Bring the old weights back, or train again: rasa train"
            )

    def _look(self) -> None:
        """Whether the server is back, with the same weights. Raises EndpointError."""
        vector = self._requested([self._prepared(PROBE, "query")], self._read_timeout)[0]
        assert self._probe is not None
        cosine = float(vector @ self._probe)
        if cosine < _SAME:
            raise EndpointError(
                f"{self._connection.address}: it is back with other weights: the same sentence has another vector"
                f" (cosine {cosine:.3f}). Bring the old weights back, or train again: rasa train"
            )

    def _check_fallback(self, fallback: SentenceEncoder) -> None:
        assert self._probe is not None
        here = fallback.encode([PROBE])[0]
        if here.shape == self._probe.shape and float(here @ self._probe) >= _SAME:
            return
        raise ConfigurationError(
            f"the fallback is encoder {fallback.fingerprint}, and the server has {self.fingerprint}: heads trained on"
            " one cannot read the other.",
            key="fallback_model",
            value=fallback.fingerprint,
            fix="Name the weights that the server has, or write fallback: static",
        )


def _vectors(answer: Any) -> np.ndarray:
    rows = [row["embedding"] for row in answer["data"]]
    if rows and isinstance(rows[0], str):
        return np.stack([np.frombuffer(base64.b64decode(row), dtype=np.float32) for row in rows])
    return np.array(rows, dtype=np.float32)
