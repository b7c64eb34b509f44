"""Examples that say the same: twice in an intent, or in two intents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rasa_llm_components.training_data.example import Example, normal_form

NEARLY_THE_SAME = 0.97
"""Cosine from which two sentences are called near-duplicates."""


@dataclass(frozen=True)
class Pair:
    """Two examples that are alike.

    Attributes:
        first: the one that stands earlier.
        second: the other.
        similarity: cosine of their vectors; 1 for the same sentence.
    """

    first: Example
    second: Example
    similarity: float = 1.0


@dataclass(frozen=True)
class Duplicates:
    """All pairs, each in one list only.

    Attributes:
        exact: the same line of the same intent, metadata included: the second can go.
        contradictions: the same sentence in two intents: one of them is wrong.
        near: nearly the same sentence in the same intent: teaches little.
        near_across: nearly the same sentence in two intents.
    """

    exact: list[Pair]
    contradictions: list[Pair]
    near: list[Pair]
    near_across: list[Pair]


def find_duplicates(examples: Sequence[Example], nearest: np.ndarray, cosines: np.ndarray) -> Duplicates:
    """Compares sentences by their words, and by their vectors.

    Args:
        examples: in the order of the files.
        nearest: `(examples, k)` indices of each one's nearest others.
        cosines: `(examples, k)`.
    """
    exact, same, contradictions = _same_words(examples)
    seen = {_key(pair) for pair in (*exact, *same, *contradictions)}
    alike: list[Pair] = []
    for row, (others, similar) in enumerate(zip(nearest, cosines)):
        for other, cosine in zip(others, similar):
            pair = Pair(examples[min(row, other)], examples[max(row, other)], round(float(cosine), 4))
            if cosine >= NEARLY_THE_SAME and _key(pair) not in seen and not _same_sentence(pair):
                seen.add(_key(pair))
                alike.append(pair)
    alike.sort(key=lambda pair: -pair.similarity)
    return Duplicates(
        exact,
        contradictions,
        [*same, *(pair for pair in alike if pair.first.intent == pair.second.intent)],
        [pair for pair in alike if pair.first.intent != pair.second.intent],
    )


def _same_words(examples: Sequence[Example]) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Exact pairs, pairs that differ in capitals or annotations only, and contradictions; all to the first of them."""
    sentences: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        sentences[normal_form(example.text)].append(example)
    exact, same, contradictions = [], [], []
    for group in sentences.values():
        earlier: list[Example] = []
        for example in group:
            twin = next((one for one in earlier if _identical(one, example)), None)
            sibling = next((one for one in earlier if one.intent == example.intent), None)
            if twin:
                exact.append(Pair(twin, example))
                continue
            if sibling:
                same.append(Pair(sibling, example))
            elif earlier:
                contradictions.append(Pair(earlier[0], example))
            earlier.append(example)
    return exact, same, contradictions


def _identical(one: Example, other: Example) -> bool:
    return (one.intent, one.written, one.metadata) == (other.intent, other.written, other.metadata)


def _same_sentence(pair: Pair) -> bool:
    """Already listed with the first of its kind."""
    return normal_form(pair.first.text) == normal_form(pair.second.text)


def _key(pair: Pair) -> frozenset[tuple[str, int]]:
    return frozenset({(str(pair.first.file), pair.first.line), (str(pair.second.file), pair.second.line)})
