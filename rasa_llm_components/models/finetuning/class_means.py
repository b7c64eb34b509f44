"""Where the intents' vectors start: at the means of their examples, with a share of their names.

Qi et al. 2018, "Low-shot learning with imprinted weights"; Snell et al. 2017, "Prototypical networks".
"""

from __future__ import annotations

import numpy as np


def class_means(
    vectors: np.ndarray, targets: np.ndarray, classes: int, *, names: dict[int, np.ndarray], name_share: float
) -> np.ndarray:
    """One vector of length 1 a class.

    Args:
        vectors: `(examples, hidden)`, each of length 1.
        targets: `(examples,)` class of each.
        classes: how many there are; each has an example or a name.
        names: vector of a class's name, where it has one.
        name_share: weight of the name beside the mean of the examples.

    Returns:
        `(classes, hidden)` float32.
    """
    means = np.zeros((classes, vectors.shape[1]), np.float32)
    np.add.at(means, targets, vectors)
    means = unit(means)
    for index, name in names.items():
        means[index] = (1 - name_share) * means[index] + name_share * name
    return unit(means)


def unit(vectors: np.ndarray) -> np.ndarray:
    """The same directions at length 1; a zero stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
