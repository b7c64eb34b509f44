"""What of a generator's messages becomes a training example, and why the rest does not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rasa_llm_components.augmentation.bot_language import BotLanguage
from rasa_llm_components.augmentation.entity_annotations import EntityAnnotations, marked_values
from rasa_llm_components.augmentation.training_examples import TrainingExamples
from rasa_llm_components.augmentation.usable_information import UsableInformation
from rasa_llm_components.models.finetuning.label_names import readable_names
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.training_data.example import without_annotations

KEPT = "kept"
REASONS = {
    "prompt": "repeats the prompt",
    "length": "too long",
    "language": "another language",
    "repeated": "nearly the same as another example",
    "entities": "entities that no example marks",
    "other intent": "nearer to another intent",
    "information": "tells the classifier too little about its intent",
}
_LONGER = 1.5
_ALWAYS_SHORT = 60  # characters
_NEARLY_SAME = 0.05
_PARTS_OF_PROMPT = re.compile(r"\n|(?<=[.:;。：])\s*")
_NOT_A_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Candidate:
    """One message that the generator wrote.

    Attributes:
        intent: that it was asked for.
        text: as it goes into the file: with its entities marked.
        verdict: `kept`, or a key of `REASONS`.
        bits: its pointwise V-information; None when it was dropped before.
    """

    intent: str
    text: str
    verdict: str
    bits: float | None = None

    @property
    def kept(self) -> bool:
        """Whether it becomes an example."""
        return self.verdict == KEPT


class CandidateFilter:
    """Knows the bot's own examples and what was kept of the generator's."""

    def __init__(
        self,
        examples: TrainingExamples,
        encoder: SentenceEncoder,
        *,
        prompt: str = "",
        seed: int = 42,
    ) -> None:
        """Encodes the examples and fits the classifier.

        Args:
            examples: the bot's own.
            encoder: whose vectors the bot's classifier reads.
            prompt: what the generator is told, which is no customer's message.
            seed: of the classifier's folds.
        """
        texts, self._labels = examples.pairs()
        self._encoder = encoder
        self._vectors = encoder.encode(texts, show_progress=True)
        names = readable_names(examples.by_intent)
        name_vectors = dict(zip(names, encoder.encode(list(names.values())))) if names else {}
        self._information = UsableInformation.fit(self._vectors, self._labels, name_vectors=name_vectors, seed=seed)
        self._language = BotLanguage(texts)
        self._known = {_compared(text) for text in texts}
        self._prompt = _parts(prompt)
        self._taken = self._vectors
        mean = self._vectors.mean(axis=0)
        self._nearly_same = 1 - _NEARLY_SAME * (1 - float(mean @ mean))  # in units of how far examples lie apart
        self._longest = _longest(examples)
        self._annotations = _annotations(examples.by_intent)

    def vectors_of(self, intent: str) -> np.ndarray:
        """Vectors `(examples, hidden)` of the intent's own examples, in their order."""
        return self._vectors[[label == intent for label in self._labels]]

    def take(self, texts: Sequence[str]) -> None:
        """What an earlier run made is not to be made again."""
        if texts:
            self._known.update(_compared(text) for text in texts)
            self._taken = np.vstack([self._taken, self._encoder.encode(list(texts))])

    def judge(self, intent: str, texts: Sequence[str], *, asked: str = "") -> list[Candidate]:
        """Judges messages for an intent, one after the other: a kept one counts as an example for the next.

        Args:
            intent: that the generator was asked for.
            texts: plain messages.
            asked: what the generator was asked; a line of it is no message either.
        """
        prompt = self._prompt | _parts(asked)
        reasons = [self._reason_in_text(intent, text, prompt) for text in texts]
        open_rows = [row for row, reason in enumerate(reasons) if not reason]
        judged = {row: Candidate(intent, texts[row], reason) for row, reason in enumerate(reasons) if reason}
        if open_rows:
            vectors = self._encoder.encode([texts[row] for row in open_rows])
            bits = self._information.bits(vectors, intent)
            predicted = self._information.predicted(vectors)
            for row, vector, own_bits, first in zip(open_rows, vectors, bits, predicted):
                judged[row] = self._by_meaning(intent, texts[row], vector, float(own_bits), first)
        return [judged[row] for row in range(len(texts))]

    def _reason_in_text(self, intent: str, text: str, prompt: set[str]) -> str:
        compared = _compared(text)
        if compared in self._known:
            return "repeated"
        if compared in prompt:
            return "prompt"
        if len(text) > self._longest[intent]:
            return "length"
        if not self._language.is_language_of(text):
            return "language"
        return "entities" if self._annotations[intent].carried_over(text) is None else ""

    def _by_meaning(self, intent: str, text: str, vector: np.ndarray, bits: float, predicted: str) -> Candidate:
        marked = self._annotations[intent].carried_over(text) or text
        if _compared(text) in self._known or float((self._taken @ vector).max()) > self._nearly_same:
            return Candidate(intent, marked, "repeated", bits)
        nearest = self._labels[int((self._vectors @ vector).argmax())]
        if predicted != intent or nearest != intent:
            return Candidate(intent, marked, "other intent", bits)
        if bits < self._information.threshold(intent):
            return Candidate(intent, marked, "information", bits)
        self._known.add(_compared(text))
        self._taken = np.vstack([self._taken, vector])
        return Candidate(intent, marked, KEPT, bits)


def _compared(text: str) -> str:
    """Without case, spaces and punctuation: what tells two messages apart for a reader."""
    return _NOT_A_WORD.sub(" ", text.lower()).strip()


def _parts(prompt: str) -> set[str]:
    """The prompt's lines and sentences, as they are compared."""
    return {_compared(part) for part in (*prompt.splitlines(), *_PARTS_OF_PROMPT.split(prompt))}


def _longest(examples: TrainingExamples) -> dict[str, float]:
    """Characters a message may have: half as long again as the intent's longest, or as most of all examples."""
    lengths = {intent: [len(without_annotations(text)) for text in own] for intent, own in examples.by_intent.items()}
    usual = float(np.percentile([length for own in lengths.values() for length in own], 95))
    return {intent: max(_LONGER * max(own), usual, _ALWAYS_SHORT) for intent, own in lengths.items()}


def _annotations(by_intent: Mapping[str, Sequence[str]]) -> dict[str, EntityAnnotations]:
    marking: dict[str, set[str]] = defaultdict(set)
    for intent, own in by_intent.items():
        for text in own:
            for value, _ in marked_values(text):
                marking[value].add(intent)
    return {
        intent: EntityAnnotations(own, [value for value, intents in marking.items() if intents != {intent}])
        for intent, own in by_intent.items()
    }
