"""Intents that are taken for each other, intents that may be one, and intents that may be two."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from rasa_llm_components.training_data.cross_validation import Judged
from rasa_llm_components.training_data.example import Example

_SHARE = 0.05
_MERGE_MISTAKES = 0.25
_MERGE_OVERLAP = 0.25
_FEWEST_TO_SPLIT = 8
_SMALLEST_KIND = 0.2
_APART = 1.3
_CLEAR = 0.22
"""Tried by joining two intents of bitext and of BANKING77's ten examples: 78 to 88 % of such pairs are found, and 7 to
9 % of the intents as they are."""


@dataclass(frozen=True)
class Confusion:
    """Two intents that are taken for each other.

    Attributes:
        one: an intent.
        other: another.
        share: the mean probability that examples of the two give to the wrong one of them.
        one_as_other: share of the first one's examples that were told as the other.
        other_as_one: the same the other way round.
        overlap: share of the two's examples whose nearest example of either belongs to the wrong one.
    """

    one: str
    other: str
    share: float
    one_as_other: float
    other_as_one: float
    overlap: float

    @property
    def merge(self) -> bool:
        """Confused in both directions and lying in each other: they may be one intent."""
        mutual = min(self.one_as_other, self.other_as_one) >= _MERGE_MISTAKES
        return mutual and self.overlap >= _MERGE_OVERLAP


@dataclass(frozen=True)
class Split:
    """An intent of two kinds of examples.

    Attributes:
        intent: its name.
        kinds: the examples of each, the most typical first.
        apart: distance between the kinds' middles, in distances to the nearest other intent.
    """

    intent: str
    kinds: tuple[list[Example], list[Example]]
    apart: float


def find_confusions(judged: Judged, others: np.ndarray) -> list[Confusion]:
    """Pairs of intents that take probability or examples from each other, worst first.

    Args:
        judged: held-out probabilities.
        others: `(examples, k)` each one's nearest other examples.
    """
    count = len(judged.classes)
    tested = np.maximum(np.bincount(judged.labels[judged.tested], minlength=count), 1)
    given = np.zeros((count, count))
    told = np.zeros((count, count))
    np.add.at(given, judged.labels, judged.probabilities)
    np.add.at(told, (judged.labels[judged.tested], judged.predicted[judged.tested]), 1.0)
    given, told = given / tested[:, None], told / tested[:, None]
    both = np.triu((given + given.T) / 2, k=1)
    worst = np.argsort(-both, axis=None, kind="stable")[: np.count_nonzero(both >= _SHARE)]
    return [
        Confusion(
            judged.classes[one],
            judged.classes[other],
            round(float(both[one, other]), 4),
            round(float(told[one, other]), 4),
            round(float(told[other, one]), 4),
            round(_overlap(judged.labels, others, one, other), 4),
        )
        for one, other in (divmod(int(position), count) for position in worst)
    ]


def find_splits(
    examples: Sequence[Example], vectors: np.ndarray, judged: Judged, *, leave_out: Collection[str] = ()
) -> list[Split]:
    """Intents whose examples fall into two kinds that lie further apart than intents do.

    Two means (Lloyd 1982) are tried in each intent. They are two kinds when their silhouette (Rousseeuw 1987) is
    clear and their middles are clearly further apart than this intent is from its nearest neighbour.

    Args:
        examples: all of them.
        vectors: `(examples, hidden)`, centred, each of length 1.
        judged: their intents.
        leave_out: intents of many kinds by nature, such as retrieval intents.
    """
    middles = np.stack([vectors[judged.labels == index].mean(axis=0) for index in range(len(judged.classes))])
    found = []
    for index, intent in enumerate(judged.classes):
        own = np.flatnonzero(judged.labels == index)
        if len(own) >= _FEWEST_TO_SPLIT and intent not in leave_out:
            distances = np.linalg.norm(middles - middles[index], axis=1)
            nearest = float(np.delete(distances, index).min())
            halves, apart = _two_kinds(vectors[own])
            if halves and apart >= _APART * nearest:
                kinds = tuple([examples[own[row]] for row in half] for half in halves)
                found.append(Split(intent, (kinds[0], kinds[1]), round(apart / max(nearest, 1e-9), 2)))
    return sorted(found, key=lambda split: -split.apart)


def _overlap(labels: np.ndarray, others: np.ndarray, one: int, other: int) -> float:
    """Of the two's examples, those with a neighbour of the two whose nearest such neighbour is of the wrong one."""
    rows = np.flatnonzero((labels == one) | (labels == other))
    near = labels[others[rows]]
    either = (near == one) | (near == other)
    first = near[np.arange(len(rows)), either.argmax(axis=1)]
    return float(((first != labels[rows]) & either.any(axis=1)).mean())


def _two_kinds(vectors: np.ndarray) -> tuple[list[list[int]], float]:
    """Rows of the two kinds, most typical first, and the distance of their middles; nothing when they are not clear."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    means = KMeans(n_clusters=2, n_init=5, random_state=0).fit(vectors)
    sizes = np.bincount(means.labels_, minlength=2)
    if sizes.min() < max(3, _SMALLEST_KIND * len(vectors)):
        return [], 0.0
    if silhouette_score(vectors, means.labels_, sample_size=min(len(vectors), 2000), random_state=0) < _CLEAR:
        return [], 0.0
    centres = means.cluster_centers_
    halves = []
    for kind in range(2):
        rows = np.flatnonzero(means.labels_ == kind)
        halves.append([int(row) for row in rows[np.argsort(-(vectors[rows] @ centres[kind]), kind="stable")]])
    return halves, float(np.linalg.norm(centres[0] - centres[1]))
