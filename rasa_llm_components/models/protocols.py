"""What the rest of the package expects of an encoder and of a text generator, wherever they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict, runtime_checkable

import numpy as np

Kind = Literal["query", "passage"]
"""Some encoders read a question and a document differently (E5's prefixes)."""


class ChatMessage(TypedDict):
    """One turn of a prompt, in the OpenAI form."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class EncodedText:
    """One text after one forward pass.

    Attributes:
        sentence: `(hidden,)` float32, length 1.
        tokens: `(tokens, hidden)` float32, one row for each of the model's own tokens.
        spans: each token's `[start, end)` in the original text.
    """

    sentence: np.ndarray
    tokens: np.ndarray
    spans: tuple[tuple[int, int], ...]

    def words(self, spans: Sequence[tuple[int, int]]) -> np.ndarray:
        """Mean vector of the tokens under each word.

        Args:
            spans: `[start, end)` of each word in the original text.

        Returns:
            `(len(spans), hidden)`; zeros for a word without a token.
        """
        if not self.spans or not spans:
            return np.zeros((len(spans), self.sentence.shape[0]), dtype=np.float32)
        starts, ends = np.array(self.spans).T
        first, last = np.array(spans).T[:, :, None]
        under = ((starts < last) & (ends > first)).astype(np.float32)
        vectors: np.ndarray = under @ self.tokens / np.maximum(under.sum(axis=1, keepdims=True), 1)
        return vectors


@runtime_checkable
class SentenceEncoder(Protocol):
    """Turns texts into vectors. Safe to call from several threads."""

    dimension: int
    fingerprint: str

    def encode(self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False) -> np.ndarray:
        """Sentence vectors `(len(texts), dimension)`, float32, each of length 1."""
        ...

    def encode_words(
        self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False
    ) -> list[EncodedText]:
        """Sentence and token vectors of each text, from one forward pass."""
        ...


@runtime_checkable
class TextGenerator(Protocol):
    """Writes text for a prompt. Blocks: call it from a thread."""

    fingerprint: str

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
        """The reply to `messages`, at most `max_tokens` tokens, ended before any of `stop`.

        Args:
            messages: the conversation, the system's instructions first.
            max_tokens: the reply's length at most, in the model's tokens.
            temperature: 0 is always the most probable token.
            stop: texts at which the reply ends; they are not part of it.
            seed: makes sampling repeatable.
            timeout: seconds after which the generator stops by itself.

        Raises:
            GenerationError: no text came, or not in time.
        """
        ...
