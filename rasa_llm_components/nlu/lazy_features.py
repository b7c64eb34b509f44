"""Rasa's features of a message, computed when somebody reads them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rasa.shared.nlu.training_data.features import Features


class LazyFeatures(Features):
    """Dense features. A head with layers of its own does not need them, and a bot may have no other reader."""

    def __init__(self, compute: Callable[[], np.ndarray], feature_type: str, attribute: str, origin: str) -> None:
        """Computes nothing yet.

        Args:
            compute: gives the features, `(1, hidden)` or `(tokens, hidden)`.
            feature_type: Rasa's `sentence` or `sequence`.
            attribute: of the message, such as `text`.
            origin: alias of the featurizer.
        """
        super().__init__(np.zeros((0, 0)), feature_type, attribute, origin)
        self._compute = compute
        self._computed: np.ndarray | None = None

    @property
    def features(self) -> np.ndarray:
        """The features."""
        if self._computed is None:
            self._computed = self._compute()
        return self._computed

    @features.setter
    def features(self, features: np.ndarray) -> None:
        self._computed = features

    def is_sparse(self) -> bool:
        """Never; asking computes nothing."""
        return False

    def __reduce__(self) -> tuple[type[Features], tuple[np.ndarray, str, str, str]]:
        """A copy, which DIET makes of every message, is of plain features."""
        return Features, (self.features, self.type, self.attribute, self.origin)
