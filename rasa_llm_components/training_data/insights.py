"""Everything that the training data tells about itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.training_data.cross_validation import Judged, cross_validate
from rasa_llm_components.training_data.duplicates import Duplicates, Pair, find_duplicates
from rasa_llm_components.training_data.example import Example
from rasa_llm_components.training_data.intent_shapes import Confusion, Split, find_confusions, find_splits
from rasa_llm_components.training_data.label_errors import Suspect, find_suspects
from rasa_llm_components.training_data.neighbours import nearest

FEW = 5
"""Intents with fewer examples are called thin."""
_NEIGHBOURS = 10


@dataclass(frozen=True)
class Insights:
    """What was found.

    Attributes:
        examples: how many there are of each intent.
        judged: what the head says of each when it has not seen it.
        confusions: pairs of intents that are taken for each other, worst first.
        suspects: examples that look mislabelled, most certain first.
        splits: intents whose examples are of two kinds.
        duplicates: sentences that stand twice.
    """

    examples: dict[str, int]
    judged: Judged
    confusions: list[Confusion]
    suspects: list[Suspect]
    splits: list[Split]
    duplicates: Duplicates

    @property
    def thin(self) -> dict[str, int]:
        """Intents with fewer than `FEW` examples."""
        return {intent: count for intent, count in self.examples.items() if count < FEW}

    @property
    def merges(self) -> list[Confusion]:
        """Pairs of intents that may be one."""
        return [confusion for confusion in self.confusions if confusion.merge]

    def accuracy_of(self, intent: str) -> float | None:
        """Share of an intent's held-out examples that were told rightly; None when none could be held out."""
        own = self.judged.tested & (self.judged.labels == self.judged.classes.index(intent))
        return float((self.judged.predicted == self.judged.labels)[own].mean()) if own.any() else None

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a file."""
        pairs = {
            name: [_pair(pair) for pair in getattr(self.duplicates, name)]
            for name in ("exact", "contradictions", "near", "near_across")
        }
        return {
            "examples": sum(self.examples.values()),
            "held_out_accuracy": round(self.judged.accuracy, 4),
            "intents": [
                {"intent": intent, "examples": count, "held_out_accuracy": _rounded(self.accuracy_of(intent))}
                for intent, count in self.examples.items()
            ],
            "thin": self.thin,
            "confusions": [vars(confusion) | {"merge": confusion.merge} for confusion in self.confusions],
            "mislabelled": [
                vars(suspect) | {"example": _place(suspect.example), "certain": suspect.certain}
                for suspect in self.suspects
            ],
            "splits": [
                {"intent": split.intent, "kinds": [[_place(example) for example in kind] for kind in split.kinds]}
                for split in self.splits
            ],
            "duplicates": pairs,
        }


def examine(examples: Sequence[Example], encoder: SentenceEncoder) -> Insights:
    """Looks at all examples. Each sentence is encoded once.

    Args:
        examples: of two intents at least.
        encoder: the bot's.

    Raises:
        ConfigurationError: all examples are of one intent.
    """
    labels = [example.label for example in examples]
    if len(set(labels)) < 2:
        raise ConfigurationError(
            f"all {len(examples)} examples are of one intent, {labels[0]}: there is nothing to tell it from.",
            fix="Add examples of a second intent.",
        )
    vectors = encoder.encode([example.text for example in examples], show_progress=True)
    judged = cross_validate(vectors, labels)
    vectors = _centred(vectors)
    others, cosines = nearest(vectors, _NEIGHBOURS)
    retrieval = {example.label for example in examples if "/" in example.intent}
    return Insights(
        dict(sorted(Counter(labels).items())),
        judged,
        find_confusions(judged, others),
        find_suspects(examples, vectors, judged, others[:, 0]),
        find_splits(examples, vectors, judged, leave_out=retrieval),
        find_duplicates(examples, others, cosines),
    )


def _centred(vectors: np.ndarray) -> np.ndarray:
    """Directions from the middle of all: encoders whose sentences all look alike (E5) then differ as others' do."""
    away = vectors - vectors.mean(axis=0)
    return np.asarray(away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def _place(example: Example) -> dict[str, Any]:
    return {"place": example.place, "intent": example.intent, "text": example.text}


def _pair(pair: Pair) -> dict[str, Any]:
    return {"first": _place(pair.first), "second": _place(pair.second), "similarity": pair.similarity}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
