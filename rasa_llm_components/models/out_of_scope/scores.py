"""Scores that are high for a message of a known intent and low for any other.

Each takes what is known and what a head says of a batch, and gives `(batch,)`. `detector.py` chooses among them on
the bot's own training data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from rasa_llm_components.models.calibration import softmax
from rasa_llm_components.models.out_of_scope.known_examples import KnownExamples

_EXPECTED = 0.5
_SHARPNESS = 0.7
"""Chosen on validation data, 5, 10, 2 to 25 and all examples an intent; both change the last two points only."""


@dataclass(frozen=True)
class Evidence:
    """What a score may look at.

    Attributes:
        known: the training examples.
        vectors: `(batch, hidden)`, the messages'.
        logits: `(batch, classes)`, a head's, fitted on the known examples.
        generic: `(sentences, hidden)`, vectors of sentences about anything.
    """

    known: KnownExamples
    vectors: np.ndarray
    logits: np.ndarray
    generic: np.ndarray


def expected_affinity(evidence: Evidence) -> np.ndarray:
    """How near the message is to the examples of each intent, weighted with the intent's probability.

    A message on an unknown topic is either near to no intent, or the head wavers between intents of which it is
    near to one only: both lower the sum. Of intents whose examples lie close together more nearness is expected.
    This package's own.
    """
    nearness = evidence.known.affinities(evidence.vectors) - _EXPECTED * evidence.known.closeness
    return np.asarray((softmax(evidence.logits / _SHARPNESS) * nearness).sum(axis=1))


def largest_probability(evidence: Evidence) -> np.ndarray:
    """Hendrycks and Gimpel 2017."""
    return np.asarray(softmax(evidence.logits).max(axis=1))


def largest_logit(evidence: Evidence) -> np.ndarray:
    """Hendrycks et al. 2022, "Scaling out-of-distribution detection for real-world settings"."""
    return np.asarray(evidence.logits.max(axis=1))


def energy(evidence: Evidence) -> np.ndarray:
    """Liu et al. 2020, "Energy-based out-of-distribution detection"."""
    return np.asarray(np.logaddexp.reduce(evidence.logits, axis=1))


def nearest_sentences(evidence: Evidence) -> np.ndarray:
    """Mean cosine to the five nearest examples (Sun et al. 2022, deep nearest neighbours)."""
    return evidence.known.nearest(evidence.vectors, 5)


def mahalanobis(evidence: Evidence) -> np.ndarray:
    """Distance to the nearest class mean under the shared covariance (Lee et al. 2018)."""
    precision, vectors, means = evidence.known.precision, evidence.vectors, evidence.known.means
    weighted = vectors @ precision
    squares = (weighted * vectors).sum(axis=1)[:, None] + ((means @ precision) * means).sum(axis=1)
    return np.asarray(-(squares - 2 * weighted @ means.T).min(axis=1))


def background(evidence: Evidence) -> np.ndarray:
    """How much nearer the known examples are than sentences about anything."""
    generic = np.partition(evidence.vectors @ evidence.generic.T, -5, axis=1)[:, -5:].mean(axis=1)
    return np.asarray(evidence.known.nearest(evidence.vectors, 5) - generic)


SCORES: dict[str, Callable[[Evidence], np.ndarray]] = {
    score.__name__: score
    for score in (
        expected_affinity,
        nearest_sentences,
        background,
        mahalanobis,
        energy,
        largest_logit,
        largest_probability,
    )
}
"""Every score by its name; of equal ones the first is chosen."""


@lru_cache(maxsize=1)
def generic_sentences() -> list[str]:
    """Sentences about anything, in English; the file beside this one says what they are for."""
    lines = (Path(__file__).with_name("generic_sentences.txt")).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
