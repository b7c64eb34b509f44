"""A text generator from a GGUF file, run by llama.cpp inside this process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rasa_llm_components.errors import GenerationError
from rasa_llm_components.models.llama_cpp import opened
from rasa_llm_components.models.protocols import ChatMessage
from rasa_llm_components.models.weights import fingerprint


class GGUFTextGenerator:
    """A llama.cpp model. Streams internally, so that a time limit really stops it."""

    def __init__(self, server: Any, *, fingerprint: str) -> None:
        """Wraps a loaded llama.cpp server. Use `from_pretrained`."""
        self._server = server
        self.fingerprint = fingerprint

    @classmethod
    def from_pretrained(cls, weights: Path, *, context: int = 2048, threads: int = 0) -> GGUFTextGenerator:
        """Loads a GGUF file.

        Args:
            weights: the file.
            context: tokens of prompt and reply together.
            threads: CPU threads; 0 is one for every two cores: more gain little, and wait busily for one another
                when the machine has other work.

        Raises:
            MissingDependencyError: xllamacpp is not installed.
            WeightsNotFoundError: llama.cpp can't read the file.
        """
        server = opened(weights, context=context, threads=threads)
        return cls(server, fingerprint=fingerprint(weights))

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
        """The reply to `messages`. Raises GenerationError when llama.cpp fails or time is up."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pieces: list[str] = []
        problems: list[str] = []

        def read(chunk: Any) -> bool:
            for part in chunk if isinstance(chunk, list) else [chunk]:
                if "error" in part or "choices" not in part:
                    problems.append(str(part.get("error", part))[:200])
                    return True
                for choice in part["choices"]:
                    pieces.append(choice["delta"].get("content") or "")
            return deadline is not None and time.monotonic() > deadline

        request = {
            "messages": [dict(message) for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stop": list(stop),
            "seed": seed,
            "stream": True,
        }
        try:
            self._server.handle_chat_completions(request, read)
        except (RuntimeError, ValueError) as error:
            raise GenerationError(f"llama.cpp failed: {error}") from error
        if problems:
            raise GenerationError(f"llama.cpp answered: {problems[0]}")
        if deadline is not None and time.monotonic() > deadline:
            raise GenerationError(f"no whole reply within {timeout:.1f} seconds.")
        return "".join(pieces).strip()
