"""A question -> search -> prompt -> generate -> check -> an answer with its source. Knows nothing of Rasa."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from cachetools import LRUCache

from rasa_llm_components.errors import EncodingError, GenerationError
from rasa_llm_components.knowledge import KnowledgeBase, Quotation, SearchResult
from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.knowledge.sentences import is_chinese
from rasa_llm_components.models.protocols import ChatMessage, SentenceEncoder, TextGenerator
from rasa_llm_components.nlg.answer import Answer, AnswerSource
from rasa_llm_components.nlg.asked_names import AskedNames
from rasa_llm_components.nlg.checks import CheckResult, Draft, check_answer
from rasa_llm_components.nlg.checks.language_check import check_language
from rasa_llm_components.nlg.checks.names import names
from rasa_llm_components.nlg.checks.sources import Source
from rasa_llm_components.nlg.cleaning import cleaned
from rasa_llm_components.nlg.fitting_quotation import fitting_quotation
from rasa_llm_components.nlg.prompt import read_prompt
from rasa_llm_components.nlg.question import completed, may_be_a_new_topic, questions_within
from rasa_llm_components.nlg.settings import Settings
from rasa_llm_components.nlg.threads import Threads, TooBusyError
from rasa_llm_components.nlg.turn import Turn
from rasa_llm_components.nlg.writer import Writer
from rasa_llm_components.steps import step

logger = logging.getLogger(__name__)

CHECKING = 0.1
"""Part of the time budget that is kept for the checks."""
_SEARCHES = 4
_PLACES = ("text", "question")
_NEIGHBOURS = 3
_LONGEST_MESSAGE = 2000

Result = TypeVar("Result")


class Answerer:
    """Answers questions from documents, within a time budget."""

    def __init__(
        self,
        knowledge: KnowledgeBase,
        generator: TextGenerator | None,
        encoder: SentenceEncoder,
        settings: Settings | None = None,
        *,
        writer: Writer | None = None,
    ) -> None:
        """Reads the prompts.

        Args:
            knowledge: what is searched.
            generator: None to quote only.
            encoder: measures nearness in the checks.
            settings: limits; the defaults if not given.
            writer: a generator whose limits are shared with somebody else's calls, instead of `generator`.

        Raises:
            ConfigurationError: a prompt file is not as it must be.
        """
        self.settings = settings or Settings()
        self._knowledge, self._encoder = knowledge, encoder
        self._names = AskedNames(knowledge.passages)
        self._writer = writer or (Writer(generator, self.settings) if generator else None)
        folder = self.settings.prompts
        self._prompts = {
            chinese: read_prompt("answer", _PLACES, folder=folder, chinese=chinese) for chinese in (False, True)
        }
        self._threads = Threads(_SEARCHES, "search")
        self._warm_up()
        self._cache: LRUCache[str, Answer] = LRUCache(maxsize=max(self.settings.cache_size, 1))

    def answer(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        """Like `answer_async`, for callers without an event loop."""
        return asyncio.run(self.answer_async(question, history))

    async def answer_async(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        """Answers within the time budget; never raises for what a model, a server or a document does.

        Args:
            question: the customer's message.
            history: the conversation before it, the oldest first.
        """
        started = time.monotonic()
        end = started + self.settings.time_budget
        try:
            with step("search"):
                result, quotation = await self._blocking(lambda: self._look_up(question, history), end)
        except (TooBusyError, asyncio.TimeoutError, EncodingError) as error:
            logger.warning("No search for a question: %s", error or "too slow")
            return _declined(None, started, f"the search failed: {error or 'too slow'}")
        if not result.answerable:
            return _declined(result, started, "no passage is near enough")
        fallback = self._quoted(result, quotation, question, started)
        if quotation is None or fallback.how == "declined":
            return fallback
        if self._writer is None:
            return replace(fallback, reason="no generator is configured")
        try:
            answer = await self._generated(self._writer, result, quotation, question, history, end)
        except (GenerationError, EncodingError, TooBusyError, asyncio.TimeoutError) as error:
            logger.warning("Nothing generated: %s", error or "the checks were too slow")
            return replace(
                fallback, seconds=time.monotonic() - started, reason=str(error) or "the checks were too slow"
            )
        seconds = time.monotonic() - started
        if answer.how == "generated":
            return replace(answer, seconds=seconds)
        return replace(
            fallback, checks=answer.checks, generated=answer.generated, reason=answer.reason, seconds=seconds
        )

    def _warm_up(self) -> None:
        """Loads the dictionaries of the documents' languages now, not while the first customer waits."""
        if self._writer:
            for chinese in (False, True):
                texts = (passage.text for passage in self._knowledge.passages if is_chinese(passage.text) == chinese)
                names(next(texts, ""))

    def _look_up(self, question: str, history: Sequence[Turn]) -> tuple[SearchResult, Quotation | None]:
        result = self._knowledge.search(question, limit=max(_NEIGHBOURS, self.settings.passages))
        together = completed(question, history)
        if together and not (result.answerable and may_be_a_new_topic(question)):
            other = self._knowledge.search(together, limit=max(_NEIGHBOURS, self.settings.passages))
            result = max(result, other, key=_sureness)
        if not result.answerable:  # what else stands in a long message must not drown its question
            parts = questions_within(question[:_LONGEST_MESSAGE])
            found = [self._knowledge.search(part, limit=max(_NEIGHBOURS, self.settings.passages)) for part in parts]
            result = max([result, *found], key=_sureness)
        quotation = self._knowledge.quote(result, max_sentences=self.settings.quote_sentences)
        if quotation:
            quotation = fitting_quotation(quotation, question, result, self._names, self._encoder)
        return result, quotation

    def _quoted(self, result: SearchResult, quotation: Quotation | None, question: str, started: float) -> Answer:
        if quotation is None or quotation.score < self.settings.quote_score:
            return _declined(result, started, "no sentence is near enough, and of what was asked, to be quoted")
        other_language = check_language(quotation.text, question)
        if other_language:
            return _declined(result, started, other_language)
        source = AnswerSource(quotation.passage.title, quotation.passage.link)
        return Answer(quotation.text, source, "quoted", (), result, time.monotonic() - started)

    async def _generated(
        self,
        writer: Writer,
        result: SearchResult,
        quotation: Quotation,
        question: str,
        history: Sequence[Turn],
        end: float,
    ) -> Answer:
        prompt = self._prompts[is_chinese(question)]
        passages = tuple(found.passage for found in result.passages[: self.settings.passages]) or (quotation.passage,)
        text = _listed(passages) if self.settings.passages else quotation.text
        leaning = result.question not in question and self.settings.history_turns
        turns = history[-self.settings.history_turns :] if leaning else ()
        asked = result.question if result.question in question else question
        messages = prompt.messages({"text": text, "question": asked}, turns)
        key = self._key(writer, messages)
        if key in self._cache:
            return self._cache[key]
        limit = end - CHECKING * self.settings.time_budget - time.monotonic()
        with step("generate"):
            written = await writer.write(messages, limit=limit)
        draft = Draft(
            text=cleaned(written),
            question=result.question,
            passages=passages,
            instructions=prompt.own_words,
            encoder=self._encoder,
            longest=self.settings.max_characters,
            banned_phrases=self.settings.banned_phrases,
            nearness=self.settings.nearness,
            quoted=quotation.sentences,
            within=tuple(questions_within(question[:_LONGEST_MESSAGE]) if result.question == question else ()),
        )
        with step("check"):
            checks, sources = await self._blocking(lambda: check_answer(draft), end)
        texts = [(draft.text, ""), *((source.text, source.passage.heading_path) for source in sources)]
        missed = next(filter(None, (self._names.missed((question, result.question), *text) for text in texts)), "")
        checks.append(CheckResult("asked names", f"not a word of {missed}" if missed else ""))
        answer = _judged(draft, written, checks, sources, result)
        if self.settings.cache_size:
            self._cache[key] = answer
        return answer

    def _key(self, writer: Writer, messages: Sequence[ChatMessage]) -> str:
        """Generator, documents, and the prompt with the question in it."""
        text = json.dumps([writer.fingerprint, self._knowledge.fingerprint, messages])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    async def _blocking(self, work: Callable[[], Result], end: float) -> Result:
        left = max(end - time.monotonic(), 0.01)
        return await self._threads.run(work, wait=left, limit=left)


def _sureness(result: SearchResult) -> float:
    return result.confidence


def _listed(passages: Sequence[Passage]) -> str:
    return "\n\n".join(f"{passage.heading_path}\n{passage.text}".strip() for passage in passages)


def _judged(
    draft: Draft, written: str, checks: Sequence[CheckResult], sources: Sequence[Source], result: SearchResult
) -> Answer:
    failed = ", ".join(check.name for check in checks if not check.passed)
    if failed:
        reason = f"the generated answer failed: {failed}"
        return Answer("", None, "quoted", tuple(checks), result, 0.0, generated=written, reason=reason)
    used = Counter(source.passage for source in sources).most_common(1)[0][0]
    source = AnswerSource(used.title, used.link)
    return Answer(draft.text, source, "generated", tuple(checks), result, 0.0, generated=written)


def _declined(result: SearchResult | None, started: float, reason: str) -> Answer:
    return Answer("", None, "declined", (), result, time.monotonic() - started, reason=reason)
