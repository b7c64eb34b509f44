"""A response -> the same, friendlier -> check -> it, or the response as it was. Knows nothing of Rasa."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from rasa_llm_components.errors import EncodingError, GenerationError
from rasa_llm_components.knowledge.sentences import is_chinese
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.nlg.answerer import CHECKING
from rasa_llm_components.nlg.checks import CheckResult, check_rephrasing
from rasa_llm_components.nlg.cleaning import cleaned
from rasa_llm_components.nlg.prompt import read_prompt
from rasa_llm_components.nlg.settings import Settings
from rasa_llm_components.nlg.threads import Threads, TooBusyError
from rasa_llm_components.nlg.writer import Writer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rephrasing:
    """What comes of a response.

    Attributes:
        text: what to send: the new words, or the response as it was.
        rephrased: which of the two.
        checks: what the checks said; empty when nothing was generated.
        generated: what the generator wrote, sent or not.
    """

    text: str
    rephrased: bool
    checks: tuple[CheckResult, ...] = ()
    generated: str = ""


class Rephraser:
    """Says a response in friendlier words, within a time budget."""

    def __init__(self, writer: Writer, encoder: SentenceEncoder, settings: Settings) -> None:
        """Reads the prompts.

        Raises:
            ConfigurationError: a prompt file is not as it must be.
        """
        self._writer, self._encoder, self._settings = writer, encoder, settings
        self._prompts = {
            chinese: read_prompt("rephrase", ("text",), folder=settings.prompts, chinese=chinese)
            for chinese in (False, True)
        }
        self._threads = Threads(1, "rephrase-checks")
        self._cache: LRUCache[tuple[str, tuple[str, ...]], Rephrasing] = LRUCache(maxsize=max(settings.cache_size, 1))

    async def rephrase(self, text: str, slot_values: Sequence[str] = ()) -> Rephrasing:
        """The text in other words, or itself; never raises for what a model or a server does.

        Args:
            text: the response, its slots filled in.
            slot_values: what must stay as it stands.
        """
        key = (text, tuple(value for value in slot_values if value in text))
        if key not in self._cache:
            try:
                rephrasing = await self._rephrased(*key)
            except (GenerationError, EncodingError, TooBusyError, asyncio.TimeoutError) as error:
                logger.warning("Not rephrased: %s", error or "the checks were too slow")
                return Rephrasing(text, rephrased=False)
            if not self._settings.cache_size:
                return rephrasing
            self._cache[key] = rephrasing
        return self._cache[key]

    async def _rephrased(self, text: str, slot_values: tuple[str, ...]) -> Rephrasing:
        end = time.monotonic() + self._settings.time_budget
        prompt = self._prompts[is_chinese(text)]
        limit = (1 - CHECKING) * self._settings.time_budget
        written = await self._writer.write(prompt.messages({"text": text}), limit=limit)
        new = cleaned(written, keep_opening=True)
        left = max(end - time.monotonic(), 0.01)
        checks = await self._threads.run(
            lambda: check_rephrasing(
                new,
                text,
                slot_values=slot_values,
                instructions=prompt.own_words,
                banned_phrases=self._settings.banned_phrases,
                encoder=self._encoder,
            ),
            wait=left,
            limit=left,
        )
        passed = all(check.passed for check in checks)
        return Rephrasing(new if passed else text, passed, tuple(checks), written)
