"""What is odd about training data, said before time is spent on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

MANY = 5000
UNKNOWN = 0.1
_NAMED = 5


def oddities(texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Sentences for the training log, each with what to do.

    Args:
        texts: the examples.
        labels: their intents.
    """
    return [*_sizes(labels), *_shared_sentences(texts, labels)]


def _sizes(labels: Sequence[str]) -> list[str]:
    counts = Counter(labels)
    found = []
    large = [f"{label} ({count})" for label, count in sorted(counts.items()) if count > MANY]
    if large:
        found.append(
            f"Intents with more than {MANY} examples; beyond that they cost time and teach nothing new,"
            f" and they crowd out the others: {', '.join(large)}. Keep a varied part of them."
        )
    single = sorted(label for label, count in counts.items() if count == 1)
    if single:
        found.append(f"Intents with one example only, which cannot be measured: {_some(single)}. Add a second one.")
    return found


def _shared_sentences(texts: Sequence[str], labels: Sequence[str]) -> list[str]:
    intents: dict[str, set[str]] = defaultdict(set)
    for text, label in zip(texts, labels):
        intents[" ".join(text.lower().split())].add(label)
    shared = [f'"{text}" in {" and ".join(sorted(of))}' for text, of in intents.items() if len(of) > 1]
    return [f"The same sentence in two intents: {_some(shared)}. Keep each in one of them."] if shared else []


def unknown_words(unknown: float) -> list[str]:
    """A sentence when the encoder was made for another language.

    Args:
        unknown: share of the examples' tokens that the encoder's vocabulary lacks.
    """
    if unknown <= UNKNOWN:
        return []
    return [
        f"{unknown:.0%} of the examples' tokens are unknown to this encoder: it was made for another language."
        " Name an encoder of your language in the featurizer's `model`."
    ]


def _some(items: Sequence[str]) -> str:
    rest = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return "; ".join(items[:_NAMED]) + rest
