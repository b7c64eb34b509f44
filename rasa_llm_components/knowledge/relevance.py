"""From similarities to one score, and from the scores to a confidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

WEIGHTS = np.array([0.35, 0.35, 0.1, 0.1, 0.1])
"""Words in the passage or above it, words in one sentence or above it, passage, best unit, BM25."""

WEIGHTS_WITHOUT_TOKENS = np.array([0.0, 0.0, 0.3, 0.3, 0.4])
"""For encoders behind a server, which give no token vectors."""

KEYWORDS_ALONE = np.array([0.0, 0.0, 0.0, 0.0, 1.0])
"""For encoders that cannot read the documents' language: their vectors would only do harm."""

RIVAL_WEIGHT = 0.2
"""How much the next two passages count against the first: a question that many passages fit a
little is answered by none of them."""

ENOUGH = 0.465
STEEPNESS = 20.0
"""A first passage whose score stands `ENOUGH` above its rivals' part has confidence 0.5. Over 20 draws of left-out
articles of XQuAD this declines 96 % of the questions on them; docs/components/knowledge.md tells how stable it is."""

_NARROWEST = 0.05
"""An encoder that can hardly tell related from unrelated is not to be magnified without end."""

DEFAULT_THRESHOLD = 0.5


def scores(similarities: np.ndarray, keywords: np.ndarray, unrelated: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """One number for a question and each passage: about 0 for unrelated, about 1 for a plain answer.

    Args:
        similarities: `(passages, KINDS)`, the first two NaN without token vectors.
        keywords: `(passages,)`, the passages' shares of the question's words, 0 … 1.
        unrelated: the similarities of unrelated pairs with this encoder, `(KINDS,)`.
        answered: those of questions and their answers.

    Returns:
        `(passages,)`.
    """
    scaled = (similarities - unrelated) / np.maximum(answered - unrelated, _NARROWEST)
    with_tokens = np.isfinite(scaled[:, :2]).all(axis=1)[:, None]
    weights = np.where(with_tokens, WEIGHTS, WEIGHTS_WITHOUT_TOKENS)
    weights = np.where(np.isfinite(scaled).any(axis=1)[:, None], weights, KEYWORDS_ALONE)
    scaled = np.where(np.isfinite(scaled), scaled, 0.0)
    return np.asarray((weights * np.column_stack([scaled, keywords])).sum(axis=1))


def confidence(scores: Sequence[float]) -> float:
    """0 … 1, that the passage with the first of these scores, which are in descending order, answers."""
    if not scores:
        return 0.0
    rivals = [*(max(other, 0.0) for other in scores[1:3]), 0.0, 0.0][:2]
    stands_out = scores[0] - RIVAL_WEIGHT * sum(rivals) / 2
    return 1 / (1 + math.exp(-STEEPNESS * (stands_out - ENOUGH)))
