"""Asks the generator for more messages of each intent, in rounds, until there are enough or no more come."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rasa_llm_components.augmentation.candidate_filter import KEPT, Candidate, CandidateFilter
from rasa_llm_components.augmentation.prompt import ParaphrasePrompt
from rasa_llm_components.augmentation.seeds import call_seed, shown_examples
from rasa_llm_components.augmentation.training_examples import TrainingExamples
from rasa_llm_components.augmentation.written_lines import written_lines
from rasa_llm_components.errors import GenerationError
from rasa_llm_components.models.protocols import ChatMessage, TextGenerator
from rasa_llm_components.training_data.example import without_annotations

logger = logging.getLogger(__name__)

MAX_TOKENS = 220
_FAILURES_IN_A_ROW = 3


@dataclass
class Outcome:
    """What has been made so far.

    Attributes:
        kept: for each intent its new examples, with entities marked, in the order in which they came.
        verdicts: how many messages were kept, and dropped for each reason.
        candidates: every message, with its verdict.
        calls: of the generator, those that failed among them.
        failures: calls that gave no text.
        seconds: since the first call.
    """

    kept: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    verdicts: Counter[str] = field(default_factory=Counter)
    candidates: list[Candidate] = field(default_factory=list)
    calls: int = 0
    failures: int = 0
    seconds: float = 0.0

    @property
    def written(self) -> int:
        """Messages that the generator wrote."""
        return len(self.candidates)

    def add(self, candidates: Iterable[Candidate]) -> None:
        """Takes judged messages in."""
        for candidate in candidates:
            self.candidates.append(candidate)
            self.verdicts[candidate.verdict] += 1
            if candidate.verdict == KEPT:
                self.kept[candidate.intent].append(candidate.text)


class Augmenter:
    """One run. The same seed, generator and examples give the same result, however many calls run at a time."""

    def __init__(
        self,
        examples: TrainingExamples,
        generator: TextGenerator,
        candidate_filter: CandidateFilter,
        prompt: ParaphrasePrompt,
        *,
        names: Mapping[str, str],
        descriptions: Mapping[str, str],
        calls: int = 6,
        parallel: int = 1,
        temperature: float = 0.8,
        timeout: float = 120.0,
        seed: int = 42,
    ) -> None:
        """Puts the parts together.

        Args:
            examples: the bot's own.
            generator: writes.
            candidate_filter: judges.
            prompt: what the generator gets.
            names: the intents' names in words.
            descriptions: what intents are about; an intent without one is described by its name.
            calls: of the generator at most for each intent.
            parallel: calls that may run at a time.
            temperature: of the generator.
            timeout: seconds a call may take.
            seed: decides which examples are shown, and what the generator draws.
        """
        self._examples, self._generator, self._filter, self._prompt = examples, generator, candidate_filter, prompt
        self._names, self._descriptions = names, descriptions
        self._calls, self._parallel, self._temperature = calls, parallel, temperature
        self._timeout, self._seed = timeout, seed
        self._failed_in_a_row = 0
        self.outcome = Outcome()

    def run(
        self, wanted: Mapping[str, int], *, after_call: Callable[[Outcome], None] = lambda outcome: None
    ) -> Outcome:
        """Goes round the intents until each has what is wanted, or its calls are used up.

        An interruption leaves what was made in `outcome`.

        Args:
            wanted: for each intent how many new examples; an intent with 0 is not asked for.
            after_call: is called when a call has been judged.

        Raises:
            GenerationError: the generator failed three times in a row.
        """
        started = time.monotonic()
        try:
            for call in range(self._calls):
                missing = [intent for intent, count in wanted.items() if len(self.outcome.kept[intent]) < count]
                self._round(call, missing, wanted, after_call)
                self.outcome.seconds = time.monotonic() - started
        finally:
            self.outcome.seconds = time.monotonic() - started
            self.outcome.kept = {intent: texts for intent, texts in self.outcome.kept.items() if texts}
        return self.outcome

    def _round(
        self, call: int, intents: Sequence[str], wanted: Mapping[str, int], after_call: Callable[[Outcome], None]
    ) -> None:
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="augment")
        try:
            for intent, reply in zip(intents, pool.map(lambda intent: self._ask(intent, call), intents)):
                self.outcome.calls += 1
                self._take(intent, call, reply, wanted[intent])
                after_call(self.outcome)
        except KeyboardInterrupt:
            logger.warning("Stopping, after the reply that is being written.")
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _ask(self, intent: str, call: int) -> str | GenerationError:
        try:
            return self._generator.generate(
                self._messages(intent, call),
                max_tokens=MAX_TOKENS,
                temperature=self._temperature,
                seed=call_seed(self._seed, intent, call),
                timeout=self._timeout,
            )
        except GenerationError as error:
            return error

    def _messages(self, intent: str, call: int) -> list[ChatMessage]:
        seed = call_seed(self._seed, intent, call)
        texts = [without_annotations(text) for text in self._examples.by_intent[intent]]
        shown = shown_examples(texts, self._filter.vectors_of(intent), call=call, seed=seed)
        name = self._names.get(intent, intent)
        values = {"intent": name, "description": self._descriptions.get(intent, name)}
        return self._prompt.messages({**values, "examples": "\n".join(f"- {text}" for text in shown)})

    def _take(self, intent: str, call: int, reply: str | GenerationError, wanted: int) -> None:
        if isinstance(reply, GenerationError):
            self.outcome.failures += 1
            self._failed_in_a_row += 1
            if self._failed_in_a_row == _FAILURES_IN_A_ROW:
                raise reply
            return
        self._failed_in_a_row = 0
        asked = self._messages(intent, call)[-1]["content"]
        for line in written_lines(reply):
            if len(self.outcome.kept[intent]) < wanted:
                self.outcome.add(self._filter.judge(intent, [line], asked=asked))
