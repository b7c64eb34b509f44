"""Finds the score and the threshold that tell messages of unknown topics, from a bot's own examples alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from rasa_llm_components.models.intent_head import INVERSE_REGULARISATION
from rasa_llm_components.models.logistic_regression import logistic_regression
from rasa_llm_components.models.out_of_scope.known_examples import KnownExamples
from rasa_llm_components.models.out_of_scope.scores import SCORES, Evidence

FEWEST_INTENTS = 4
"""With fewer, leaving intents out leaves too little: the first score is taken."""

_FOLDS = 5
_FILE = "out_of_scope.npz"


@dataclass(frozen=True)
class Found:
    """What training says of the detector, all of it on examples that it had not seen.

    Attributes:
        score: the chosen score's name.
        threshold: a message below it is out of scope.
        spread: standard deviation of the score over messages of known intents.
        auroc: of each score, mean over the two kinds below; empty with fewer than four intents.
        caught_unknown_intents: share of examples declined when their own intent was left out of the training.
        caught_far: share of sentences about anything, or of the developer's own, that are declined.
    """

    score: str
    threshold: float
    spread: float
    auroc: dict[str, float]
    caught_unknown_intents: float
    caught_far: float


class OutOfScopeHead:
    """Known examples, a head and a threshold on one score."""

    def __init__(
        self,
        known: KnownExamples,
        weights: np.ndarray,
        bias: np.ndarray,
        generic: np.ndarray,
        *,
        found: Found,
        encoder: str,
    ) -> None:
        """Wraps what training found. Use `fit` or `from_pretrained`."""
        self._known, self._weights, self._bias, self._generic = known, weights, bias, generic
        self.found, self.encoder = found, encoder

    @classmethod
    def fit(
        cls,
        vectors: np.ndarray,
        labels: Sequence[str],
        generic: np.ndarray,
        *,
        false_alarm_rate: float = 0.02,
        score: str = "auto",
        out_of_scope: np.ndarray | None = None,
        encoder: str = "",
        seed: int = 42,
    ) -> OutOfScopeHead:
        """Chooses a score and its threshold.

        The threshold is the score under which `false_alarm_rate` of those held-out examples fall that the head
        labels rightly (five folds): a message that would have been misunderstood is better declined. The score
        is the one that best ranks held-out examples above those of intents left out of the training, and above
        sentences about anything, or above the developer's own examples of what is out of scope.

        Args:
            vectors: `(examples, hidden)`, each of length 1.
            labels: the examples' intents, at least two different ones.
            generic: `(sentences, hidden)`, sentences about anything.
            false_alarm_rate: share of rightly understood messages that may be declined.
            score: a name in `SCORES`, or `auto`.
            out_of_scope: `(examples, hidden)` of messages that the developer calls out of scope.
            encoder: fingerprint of the encoder that made the vectors.
            seed: decides folds, and which examples of very large intents are kept.
        """
        _, targets = np.unique(labels, return_inverse=True)
        known = KnownExamples.sampled(vectors, targets, seed)
        folds = _folds(known.targets, seed)
        far = generic if out_of_scope is None or not len(out_of_scope) else out_of_scope
        wanted = list(SCORES) if score == "auto" else [score]
        trials = list(_leave_intents_out(known, folds, generic, far, wanted))
        auroc = {name: round(float(np.mean([trial.auroc(name) for trial in trials])), 4) for name in wanted if trials}
        chosen = max(auroc, key=lambda name: auroc[name]) if auroc else wanted[0]
        inside = _of_held_out(known, folds, generic, chosen)
        threshold = float(np.quantile(inside, false_alarm_rate)) if len(inside) else -np.inf
        found = Found(
            score=chosen,
            threshold=threshold,
            spread=max(float(inside.std()), 1e-6) if len(inside) else 1.0,
            auroc=auroc,
            caught_unknown_intents=_share_below([trial.unknown[chosen] for trial in trials], threshold),
            caught_far=_share_below([trial.far[chosen] for trial in trials], threshold),
        )
        weights, bias = _fitted(known.vectors, known.targets)
        return cls(known, weights, bias, generic, found=found, encoder=encoder)

    def score(self, vectors: np.ndarray) -> np.ndarray:
        """The chosen score of vectors `(batch, hidden)`: `(batch,)`, high for known topics."""
        logits = vectors @ self._weights.T + self._bias
        return SCORES[self.found.score](Evidence(self._known, vectors, logits, self._generic))

    def probability(self, vectors: np.ndarray) -> np.ndarray:
        """How probably each message is out of scope: over a half below the threshold, `(batch,)`."""
        distance = (self.score(vectors) - self.found.threshold) / self.found.spread
        return np.asarray(1 / (1 + np.exp(np.clip(4 * distance, -30, 30))))

    def save_pretrained(self, folder: Path) -> None:
        """Writes one file; vectors have 16 bits."""
        about = json.dumps({"found": asdict(self.found), "encoder": self.encoder})
        np.savez(
            folder / _FILE,
            vectors=self._known.vectors.astype(np.float16),
            targets=self._known.targets,
            weights=self._weights.astype(np.float32),
            bias=self._bias.astype(np.float32),
            generic=self._generic.astype(np.float16),
            about=np.array(about),
        )

    @classmethod
    def from_pretrained(cls, folder: Path) -> OutOfScopeHead:
        """Reads what `save_pretrained` wrote. Raises OSError, KeyError or ValueError when it is not whole."""
        with np.load(folder / _FILE, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            known = KnownExamples(stored["vectors"].astype(np.float32), stored["targets"])
            generic = stored["generic"].astype(np.float32)
            head = (known, stored["weights"], stored["bias"], generic)
            return cls(*head, found=Found(**about["found"]), encoder=about["encoder"])


@dataclass(frozen=True)
class _Trial:
    """What one head, which never saw some intents, gives to messages that it did not see: each score by its name."""

    known: dict[str, np.ndarray]
    unknown: dict[str, np.ndarray]
    far: dict[str, np.ndarray]

    def auroc(self, name: str) -> float:
        """Mean of how well known intents are ranked above left-out ones, and above what is far."""
        return (_auroc(self.known[name], self.unknown[name]) + _auroc(self.known[name], self.far[name])) / 2


def _leave_intents_out(
    known: KnownExamples, folds: np.ndarray, generic: np.ndarray, far: np.ndarray, names: Sequence[str]
) -> Iterator[_Trial]:
    """A fifth of the intents is left out at a time, and a fifth of the other intents' examples."""
    intents = len(known.sizes)
    if intents < FEWEST_INTENTS:
        return
    groups = np.random.default_rng(intents).permutation(intents) % _FOLDS
    for group in np.unique(groups):
        left_out = groups[known.targets] == group
        held_out = ~left_out & (folds == group)
        fitted_on = ~left_out & ~held_out
        if held_out.any() and len(np.unique(known.targets[fitted_on])) > 1:
            asked = (known.vectors[held_out], known.vectors[left_out], far)
            batches = _evidence(known, fitted_on, asked, generic)
            yield _Trial(*[{name: SCORES[name](batch) for name in names} for batch in batches])


def _of_held_out(known: KnownExamples, folds: np.ndarray, generic: np.ndarray, name: str) -> np.ndarray:
    """One score of every example that is labelled rightly by what was fitted without its fold."""
    parts = []
    for fold in np.unique(folds[folds >= 0]):
        held_out = folds == fold
        [batch] = _evidence(known, ~held_out, [known.vectors[held_out]], generic)
        labelled = np.unique(known.targets[~held_out])[batch.logits.argmax(axis=1)]
        parts.append(SCORES[name](batch)[labelled == known.targets[held_out]])
    return np.concatenate(parts) if parts else np.zeros(0)


def _evidence(
    known: KnownExamples, fitted_on: np.ndarray, asked: Sequence[np.ndarray], generic: np.ndarray
) -> list[Evidence]:
    """What was fitted on some of the known examples says of each batch asked."""
    targets = np.unique(known.targets[fitted_on], return_inverse=True)[1]
    some = KnownExamples(known.vectors[fitted_on], targets)
    weights, bias = _fitted(some.vectors, some.targets)
    return [Evidence(some, vectors, vectors @ weights.T + bias, generic) for vectors in asked]


def _fitted(vectors: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return logistic_regression(vectors, targets, inverse_regularisation=INVERSE_REGULARISATION)


def _folds(targets: np.ndarray, seed: int) -> np.ndarray:
    """A fold for each example, classes spread evenly; -1, always fitted on, for the only example of its class."""
    generator = np.random.default_rng(seed)
    folds = np.full(len(targets), -1)
    for target in np.unique(targets):
        own = generator.permutation(np.flatnonzero(targets == target))
        if len(own) > 1:
            folds[own] = (np.arange(len(own)) + generator.integers(_FOLDS)) % _FOLDS
    return folds


def _auroc(inside: np.ndarray, outside: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    if not len(inside) or not len(outside):
        return 0.5
    known = np.concatenate([np.ones(len(inside)), np.zeros(len(outside))])
    return float(roc_auc_score(known, np.concatenate([inside, outside])))


def _share_below(scores: Sequence[np.ndarray], threshold: float) -> float:
    return round(float((np.concatenate(scores) < threshold).mean()), 4) if scores else 0.0
