"""Which of an intent's examples the generator is shown: one, and those nearest to it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

SHOWN = 5


def call_seed(seed: int, intent: str, call: int) -> int:
    """A seed for each call that does not depend on the calls before it."""
    return zlib.crc32(f"{seed}/{intent}/{call}".encode()) & 0x7FFFFFFF


def shown_examples(texts: Sequence[str], vectors: np.ndarray, *, call: int, seed: int, most: int = SHOWN) -> list[str]:
    """An example and its neighbours, in random order: another example stands in the middle with every call.

    Args:
        texts: the intent's examples, without marks.
        vectors: `(len(texts), hidden)`, each of length 1.
        call: counted from 0.
        seed: of this call.
        most: examples shown.
    """
    nearest = np.argsort(-(vectors @ vectors[call % len(texts)]), kind="stable")[:most]
    return [texts[row] for row in np.random.default_rng(seed).permutation(nearest)]
