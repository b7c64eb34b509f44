"""Turns a head's scores into probabilities that mean what they say."""

from __future__ import annotations

import numpy as np

COLDEST, HOTTEST = 0.1, 10.0
PRIOR_SPREAD = 0.25
"""How far the logarithm of the temperature wanders from 0 before many examples speak for it."""


def softmax(logits: np.ndarray) -> np.ndarray:
    """Row-wise softmax of `(batch, classes)`."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature under which held-out logits are most probable (Guo et al. 2017, temperature scaling).

    A normal prior around 1 keeps a handful of easy examples from promising certainty.

    Args:
        logits: `(examples, classes)` of examples that the head was not fitted on.
        labels: `(examples,)` index of each example's class.

    Returns:
        What to divide logits by, between `COLDEST` and `HOTTEST`.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        chosen = softmax(logits / np.exp(log_temperature))[np.arange(len(labels)), labels]
        surprise = -np.log(np.maximum(chosen, 1e-12)).sum()
        return float(surprise + log_temperature**2 / (2 * PRIOR_SPREAD**2))

    best = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(best.x))
