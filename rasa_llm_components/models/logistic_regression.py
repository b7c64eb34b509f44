"""Multinomial logistic regression on sentence vectors, by scikit-learn."""

from __future__ import annotations

import numpy as np

_TOLERANCE = 1e-2
_ITERATIONS = 1000


def logistic_regression(
    vectors: np.ndarray, targets: np.ndarray, *, inverse_regularisation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fits one row of weights a class.

    Args:
        vectors: `(examples, hidden)`, each of length 1.
        targets: `(examples,)` classes from 0 without a gap, two at least.
        inverse_regularisation: scikit-learn's C.

    Returns:
        Weights `(classes, hidden)` and bias `(classes,)`.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        C=inverse_regularisation, max_iter=_ITERATIONS, tol=_TOLERANCE, multi_class="multinomial"
    ).fit(vectors, targets)
    if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes: its margin, split between them
        return np.vstack([-model.coef_, model.coef_]), np.concatenate([-model.intercept_, model.intercept_])
    return model.coef_, model.intercept_
