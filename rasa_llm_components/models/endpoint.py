"""Encoder and text generator behind a server that speaks the OpenAI HTTP API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError, EncodingError, GenerationError, MissingDependencyError
from rasa_llm_components.models.normalisation import normalise
from rasa_llm_components.models.protocols import ChatMessage, EncodedText, Kind

if TYPE_CHECKING:
    from openai import OpenAI

CONNECT_TIMEOUT = 2.0
"""Seconds to wait for a connection."""
READ_TIMEOUT = 8.0
"""Seconds to wait for an answer."""
_TEXTS_PER_REQUEST = 64
_REMEMBERED_TEXTS = 256


def connect(
    endpoint: str,
    *,
    api_key: str = "",
    connect_timeout: float = CONNECT_TIMEOUT,
    read_timeout: float = READ_TIMEOUT,
    retries: int = 0,
) -> OpenAI:
    """A client of an OpenAI-compatible server; opens no connection yet.

    Args:
        endpoint: the address up to and with `/v1`.
        api_key: sent as a bearer token; empty for servers without one.
        connect_timeout: seconds.
        read_timeout: seconds.
        retries: further tries after a failed one.

    Raises:
        ConfigurationError: not an http(s) address.
        MissingDependencyError: the openai package is not installed.
    """
    if not str(endpoint).startswith(("http://", "https://")):
        raise ConfigurationError(
            "this is no http address.", key="endpoint", value=endpoint, fix="Write http://host:port/v1"
        )
    try:
        from openai import OpenAI, Timeout
    except ImportError as error:
        raise MissingDependencyError(
            "endpoints need the openai package.",
            key="endpoint",
            value=endpoint,
            fix='Run: pip install "rasa-llm-components[endpoint]"',
        ) from error
    timeout = Timeout(read_timeout, connect=connect_timeout)
    return OpenAI(base_url=endpoint, api_key=api_key or "none", timeout=timeout, max_retries=retries)


class _TooLateError(Exception):
    pass


def _until(end: float, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Passes chunks on until the time is up: a read timeout counts anew with every byte that comes."""
    for chunk in chunks:
        if time.monotonic() > end:
            raise _TooLateError
        yield chunk


def _reason(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    return f"HTTP {status}" if status else f"{type(error).__name__}: {error}"


class EndpointEncoder:
    """Sentence vectors from `/v1/embeddings`. Word vectors do not travel over this API: words get none."""

    def __init__(self, client: OpenAI, model: str, *, query_prefix: str = "", passage_prefix: str = "") -> None:
        """Asks the server once for the vectors' size.

        Raises:
            EncodingError: the server does not answer as it should.
        """
        self._client, self._model = client, model
        self._prefixes = {"query": query_prefix, "passage": passage_prefix}
        self.fingerprint = f"{client.base_url}:{model}:{query_prefix}:{passage_prefix}"
        self._encode_one = lru_cache(maxsize=_REMEMBERED_TEXTS)(lambda text: self._request([text])[0])
        self.dimension = int(self._encode_one("dimension").shape[0])

    def encode(self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False) -> np.ndarray:
        """Sentence vectors `(len(texts), dimension)`. Raises EncodingError."""
        prepared = [self._prefixes[kind] + normalise(text).text for text in texts]
        if len(prepared) == 1:
            return self._encode_one(prepared[0])[None, :]
        starts = range(0, len(prepared), _TEXTS_PER_REQUEST)
        if show_progress and len(prepared) > _TEXTS_PER_REQUEST:
            from tqdm import tqdm

            starts = tqdm(starts, desc="Encoding", unit="request", leave=False)
        batches = [self._request(prepared[start : start + _TEXTS_PER_REQUEST]) for start in starts]
        return np.concatenate(batches) if batches else np.zeros((0, self.dimension), np.float32)

    def encode_words(
        self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False
    ) -> list[EncodedText]:
        """Sentence vectors alone: `tokens` is empty. Raises EncodingError."""
        nothing = np.zeros((0, self.dimension), np.float32)
        vectors = self.encode(texts, kind=kind, show_progress=show_progress)
        return [EncodedText(vector, nothing, ()) for vector in vectors]

    def _request(self, texts: list[str]) -> np.ndarray:
        from openai import OpenAIError

        try:
            answer = self._client.embeddings.create(
                model=self._model, input=[text or " " for text in texts], encoding_format="float"
            )
            vectors = np.array([item.embedding for item in answer.data], dtype=np.float32)
        except (OpenAIError, ValueError, TypeError, AttributeError) as error:
            raise EncodingError(f"{self._client.base_url}embeddings: {_reason(error)}") from error
        if vectors.ndim != 2 or len(vectors) != len(texts):
            raise EncodingError(f"{self._client.base_url}embeddings: {len(texts)} texts sent, other vectors came.")
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class EndpointTextGenerator:
    """Text from `/v1/chat/completions`."""

    def __init__(self, client: OpenAI, model: str, *, read_timeout: float = READ_TIMEOUT) -> None:
        """Opens no connection yet: a server that is away when the bot starts may come later.

        Args:
            client: see `connect`.
            model: its name on the server.
            read_timeout: seconds for a whole reply, where a call gives no time of its own.
        """
        self._client, self._model, self._read_timeout = client, model, read_timeout
        self.fingerprint = f"{client.base_url}:{model}"

    def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int = 200,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        timeout: float | None = None,
    ) -> str:
        """The reply to `messages`. Raises GenerationError when the server fails or time is up."""
        from httpx import HTTPError
        from openai import OpenAIError

        limit = self._read_timeout if timeout is None else timeout
        end = time.monotonic() + limit
        request = {
            "model": self._model,
            "messages": [dict(message) for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stop": list(stop) or None,
            "seed": seed,
            "timeout": limit,
        }
        create: Any = self._client.chat.completions.with_streaming_response.create
        try:
            with create(**request) as response:
                body = b"".join(_until(end, response.iter_bytes()))
            text = json.loads(body)["choices"][0]["message"]["content"]
        except _TooLateError as error:
            raise GenerationError(
                f"{self._client.base_url}chat/completions: no whole reply within {limit:.1f} seconds."
            ) from error
        except (OpenAIError, HTTPError, ValueError, TypeError, IndexError, KeyError) as error:
            raise GenerationError(f"{self._client.base_url}chat/completions: {_reason(error)}") from error
        if not isinstance(text, str):
            raise GenerationError(f"{self._client.base_url}chat/completions: the answer holds no text.")
        return text.strip()
