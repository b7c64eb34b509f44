"""How much a sentence tells the classifier about its intent: pointwise V-information, in bits.

PVI(x -> y) = -log2 g[no text](y) + log2 g[x](y) (Ethayarajh, Choi and Swayamdipta 2022, "Understanding dataset
difficulty with V-usable information", equation 4). A classifier that sees no text can but predict how frequent each
intent is. Lin et al. 2023, "Selective in-context data augmentation for intent detection using pointwise
V-information", keep what a model writes for an intent when its PVI is above that of held-out real examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rasa_llm_components.models.intent_head import IntentHead

_SMALLEST = 1e-9
_PRIOR_EXAMPLES = 5.0
"""As many examples as the mean over all intents counts for in an intent's own threshold."""


class UsableInformation:
    """The intents' classifier, fitted on the bot's own examples, and the threshold of each intent."""

    def __init__(self, head: IntentHead, frequencies: np.ndarray, thresholds: np.ndarray) -> None:
        """Wraps a fitted head. Use `fit`.

        Args:
            head: reads sentence vectors.
            frequencies: `(classes,)` how frequent each class is.
            thresholds: `(classes,)` in bits.
        """
        self._head, self._prior, self._thresholds = head, np.log2(frequencies), thresholds
        self._rows = {intent: row for row, intent in enumerate(head.classes_)}

    @classmethod
    def fit(
        cls, vectors: np.ndarray, labels: Sequence[str], *, name_vectors: Mapping[str, np.ndarray], seed: int = 42
    ) -> UsableInformation:
        """Fits the head on real examples; what it says of held-out ones gives the thresholds.

        An intent's threshold is the mean PVI of its held-out examples and of the mean over all, since a handful of
        examples says little. Where no intent has two examples, nothing can be held out: every threshold is 0 bits.

        Args:
            vectors: `(examples, hidden)`.
            labels: their intents, two different ones at least.
            name_vectors: vectors of the intents' names, as the classifier takes them.
            seed: decides which example falls into which fold.
        """
        head, held_out = IntentHead.fit(vectors, labels, name_vectors=dict(name_vectors), seed=seed)
        classes = head.classes_
        targets = np.array([classes.index(label) for label in labels])
        frequencies = np.bincount(targets, minlength=len(classes)) / len(targets)
        thresholds = np.zeros(len(classes))
        if len(held_out.labels):
            said = held_out.probabilities[np.arange(len(held_out.labels)), held_out.labels]
            bits = np.log2(np.maximum(said, _SMALLEST)) - np.log2(frequencies)[held_out.labels]
            counts = np.bincount(held_out.labels, minlength=len(classes))
            sums = np.bincount(held_out.labels, weights=bits, minlength=len(classes))
            thresholds = (sums + _PRIOR_EXAMPLES * bits.mean()) / (counts + _PRIOR_EXAMPLES)
        return cls(head, frequencies, thresholds)

    def bits(self, vectors: np.ndarray, intent: str) -> np.ndarray:
        """The PVI `(batch,)` of sentences for an intent."""
        row = self._rows[intent]
        return np.log2(np.maximum(self._head.predict_proba(vectors)[:, row], _SMALLEST)) - self._prior[row]

    def threshold(self, intent: str) -> float:
        """Bits that a sentence for this intent must have."""
        return float(self._thresholds[self._rows[intent]])

    def predicted(self, vectors: np.ndarray) -> list[str]:
        """The most probable intent of each sentence."""
        return [self._head.classes_[row] for row in self._head.predict_proba(vectors).argmax(axis=1)]
