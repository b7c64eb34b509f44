"""An encoder that many clients ask at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rasa_llm_components.models.protocols import Kind
from rasa_llm_components.serving.work_queue import WorkQueue

_TOKENS_A_PASS_ALONE = 64
"""Where each text is read by itself: a few short ones, so that threads do not meet after each."""
_TOKENS_A_PASS_TOGETHER = 16_384
"""Where texts share a pass, on a GPU or with torch."""
_FILL_SECONDS = 0.002


class HostedEncoder:
    """Sentence vectors; the work of all requests goes through one queue.

    On a CPU with 8-bit graphs each text is read by itself, in as many threads as there are cores: nothing is padded,
    and a text has the very vector that a bot with the encoder in its own process would give it. Elsewhere texts of
    different requests share a pass.
    """

    def __init__(
        self,
        name: str,
        encoder: Any,
        *,
        most_tokens: int,
        workers: int = 0,
        on_pass: Callable[[int, int, float], None] = lambda texts, tokens, seconds: None,
    ) -> None:
        """Starts its threads.

        Args:
            name: by which clients ask for it.
            encoder: a `models.encoder.Encoder`.
            most_tokens: that may wait.
            workers: threads; 0 is one a core where texts are read alone, else one.
            on_pass: see `WorkQueue`.
        """
        self.name, self.encoder = name, encoder
        self.fingerprint, self.dimension = encoder.fingerprint, encoder.dimension
        self._alone = alone = bool(getattr(encoder, "has_quick_way", False))
        self.queue = WorkQueue(
            workers=workers or (len(os.sched_getaffinity(0)) if alone else 1),
            tokens_per_pass=_TOKENS_A_PASS_ALONE if alone else _TOKENS_A_PASS_TOGETHER,
            most_tokens=most_tokens,
            fill_seconds=0.0 if alone else _FILL_SECONDS,
            on_pass=on_pass,
        )
        self._as_queries, self._as_passages = self._reading("query"), self._reading("passage")

    async def embed(self, texts: Sequence[str], kind: Kind = "query") -> np.ndarray:
        """Vectors `(texts, dimension)`, float32, each of length 1. Raises RefusalError when too much waits."""
        return np.stack(await self.queue.read(texts, self._as_queries if kind == "query" else self._as_passages))

    def close(self) -> None:
        """Ends its threads."""
        self.queue.close()

    def _reading(self, kind: Kind) -> Callable[[list[str]], Sequence[np.ndarray]]:
        def read(texts: list[str]) -> Sequence[np.ndarray]:
            if self._alone:
                return [self.encoder.encode([text], kind=kind)[0] for text in texts]
            return list(self.encoder.encode(texts, kind=kind))

        return read
