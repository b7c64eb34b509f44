"""A text generator with limits: seconds, calls at the same time, and an end to waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from rasa_llm_components.errors import GenerationError
from rasa_llm_components.models.protocols import ChatMessage, TextGenerator
from rasa_llm_components.nlg.settings import Settings
from rasa_llm_components.nlg.threads import Threads, TooBusyError

_ENDS = ("\n\n", "\nText:", "\nQuestion:", "\nMessage:")
"""Small models go on with a question of their own."""


class Writer:
    """Writes for prompts, in threads of its own."""

    def __init__(self, generator: TextGenerator, settings: Settings) -> None:
        """Starts no thread yet."""
        self._generator, self._settings = generator, settings
        self._threads = Threads(settings.max_concurrent, "generation")
        self.fingerprint = generator.fingerprint

    async def write(self, messages: Sequence[ChatMessage], *, limit: float) -> str:
        """What the generator writes.

        Args:
            messages: the prompt.
            limit: seconds.

        Raises:
            GenerationError: busy, too slow, failed, or nothing written. Says which.
        """
        if limit <= 0:
            raise GenerationError("no time is left to write.")
        end = asyncio.get_running_loop().time() + limit
        loop = asyncio.get_running_loop()
        try:
            text = await self._threads.run(
                lambda: self._generate(messages, end - loop.time()), wait=self._settings.max_wait, limit=limit
            )
        except TooBusyError as error:
            raise GenerationError(f"{error}.") from error
        except asyncio.TimeoutError as error:
            raise GenerationError(f"nothing within {limit:.1f} seconds.") from error
        except GenerationError:
            raise
        except Exception as error:  # a generator may be anybody's: whatever it raises means no text
            raise GenerationError(f"{type(error).__name__}: {error}") from error
        if not isinstance(text, str) or not text.strip():
            raise GenerationError("nothing was written.")
        return text

    def _generate(self, messages: Sequence[ChatMessage], timeout: float) -> str:
        generate = partial(self._generator.generate, temperature=0.0, seed=0, stop=_ENDS)
        return generate(messages, max_tokens=self._settings.max_tokens, timeout=max(timeout, 0.1))
