"""Deterministic stand-ins for tests: no weights, no knowledge, the same answer every time.

`model: stand-in` names them. They are for tests of what is around a model, never for a bot.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rasa_llm_components.models.normalisation import normalise
from rasa_llm_components.models.protocols import ChatMessage, EncodedText, Kind

NAME = "stand-in"


class StandInEncoder:
    """A bag of hashed words: texts that share words lie near each other."""

    def __init__(self, dimension: int = 64) -> None:
        """Makes an encoder of vectors with `dimension` numbers."""
        self.dimension = dimension
        self.fingerprint = f"{NAME}-{dimension}"

    def encode(self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False) -> np.ndarray:
        """Sentence vectors `(len(texts), dimension)`."""
        rows = [text.sentence for text in self.encode_words(texts)]
        return np.stack(rows) if rows else np.zeros((0, self.dimension), np.float32)

    def encode_words(
        self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False
    ) -> list[EncodedText]:
        """Sentence and word vectors."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> EncodedText:
        cleaned = normalise(text)
        words = list(re.finditer(r"\w+", cleaned.text.lower()))
        vectors = np.array([self._word(word.group()) for word in words], np.float32).reshape(-1, self.dimension)
        total = vectors.sum(axis=0) if len(words) else self._word("")
        spans = tuple(cleaned.span_of(*word.span()) for word in words)
        return EncodedText(total / np.linalg.norm(total), vectors, spans)

    def _word(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "little")
        return np.random.default_rng(seed).standard_normal(self.dimension).astype(np.float32)


class StandInTextGenerator:
    """Answers with what a function makes of the prompt; without one, with the last line of the prompt."""

    def __init__(self, reply: Callable[[Sequence[ChatMessage]], str] | None = None) -> None:
        """Keeps every prompt it was given in `prompts`."""
        self._reply = reply
        self.prompts: list[Sequence[ChatMessage]] = []
        self.fingerprint = NAME

    def generate(self, messages: Sequence[ChatMessage], **settings: Any) -> str:
        """The stand-in's reply."""
        self.prompts.append(messages)
        return self._reply(messages) if self._reply else messages[-1]["content"].strip().splitlines()[-1]
