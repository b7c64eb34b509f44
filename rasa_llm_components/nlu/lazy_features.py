"""Rasa's features of a message, computed when somebody reads them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.utils.io import deep_container_fingerprint

_NOTHING = np.zeros((0, 0))


class LazyFeatures(Features):
    """Dense features. A head with layers of its own does not need them, and a bot may have no other reader."""

    def __init__(
        self,
        compute: Callable[[], np.ndarray],
        feature_type: str,
        attribute: str,
        origin: str,
        *,
        made_of: str,
        keep: bool = True,
    ) -> None:
        """Computes nothing yet.

        Args:
            compute: gives the features, `(1, hidden)` or `(tokens, hidden)`.
            feature_type: Rasa's `sentence` or `sequence`.
            attribute: of the message, such as `text`.
            origin: alias of the featurizer.
            made_of: what decides the features; Rasa compares it where it would compare them, which it does with all
                of the training data after each component.
            keep: computed once; otherwise anew each time, so that many examples take no memory.
        """
        super().__init__(_NOTHING, feature_type, attribute, origin)
        self._compute, self._keep = compute, keep
        self._cached_fingerprint = deep_container_fingerprint([feature_type, attribute, origin, made_of])
        self._computed: np.ndarray | None = None

    @property
    def features(self) -> np.ndarray:
        """The features."""
        if self._computed is not None:
            return self._computed
        features = self._compute()
        if self._keep:
            self._computed = features
        return features

    @features.setter
    def features(self, features: np.ndarray) -> None:
        self._computed = features

    def is_sparse(self) -> bool:
        """Never; asking computes nothing."""
        return False

    def __reduce__(self) -> tuple[type[Features], tuple[np.ndarray, str, str, str]]:
        """A copy, which DIET makes of every message, is of plain features."""
        return Features, (self.features, self.type, self.attribute, self.origin)
