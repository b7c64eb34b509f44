"""From a bot's examples to its tuned intent model: look, try on a part, decide, train on all."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from rasa_llm_components.models.calibration import fit_temperature
from rasa_llm_components.models.finetuning.branch_states import BranchStates
from rasa_llm_components.models.finetuning.class_means import class_means, unit
from rasa_llm_components.models.finetuning.history import History
from rasa_llm_components.models.finetuning.intent_adapter import IntentAdapter
from rasa_llm_components.models.finetuning.intent_model import TunedIntentModel, calibrated, rounded
from rasa_llm_components.models.finetuning.label_names import readable_names
from rasa_llm_components.models.finetuning.lower_layers import LowerLayers
from rasa_llm_components.models.finetuning.progress import ProgressBar
from rasa_llm_components.models.finetuning.quick_layers import export
from rasa_llm_components.models.finetuning.settings import FinetuneSettings
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.finetuning.tuner import Examples, TrainingFailedError, Tuned, Tuner
from rasa_llm_components.models.finetuning.validation_part import validation_part
from rasa_llm_components.models.finetuning.voting_head import VotingHead
from rasa_llm_components.models.finetuning.weight_averaging import averaged
from rasa_llm_components.models.intent_head import HeldOut, IntentHead

if TYPE_CHECKING:
    from rasa_llm_components.models.encoder import Encoder

logger = logging.getLogger(__name__)

FEWEST = 3
"""Examples an intent, on average, from which `auto` begins to train."""

_NAME_SHARE = 0.3
_MANY = 5000
"""Examples above which fewer epochs do."""
_FEWEST_EPOCHS = 3
_TELLING = 300
"""Held-out examples from which the best epoch is chosen by them; fewer would choose by chance."""
_COMPARED = 500
"""Examples on which the exported layers are compared with the layers themselves."""
_TRAINED_ONCE = 20_000
"""Examples above which the trial's model is the final one."""


@dataclass(frozen=True)
class Outcome:
    """What tuning came to.

    Attributes:
        model: None where the frozen encoder is better, or there was nothing to tune.
        held_out: what the model of the trial said of the part it had not seen.
        history: epochs, figures and decisions.
    """

    model: TunedIntentModel | None
    held_out: HeldOut
    history: History


class IntentTuning:
    """One bot's examples on one encoder."""

    def __init__(
        self,
        encoder: Encoder,
        texts: Sequence[str],
        labels: Sequence[str],
        *,
        names: bool,
        settings: FinetuneSettings,
        seed: int,
        adapter: IntentAdapter | None = None,
    ) -> None:
        """Reads the examples through the shared layers.

        Args:
            encoder: in this process, of a known family (`can_be_tuned`).
            texts: the examples.
            labels: their intents, at least two different ones.
            names: read the intents' names as examples.
            settings: how to train.
            seed: same seed, same machine: same model.
            adapter: where training may begin, if it changes as many layers as are tuned.
        """
        self.classes = sorted(set(labels))
        self._targets = np.array([self.classes.index(label) for label in labels])
        said = readable_names(self.classes) if names else {}
        self._named = np.array([self.classes.index(label) for label in said], dtype=int)
        settings = settings.settled(examples=len(texts), layers=encoder.facts.layers)
        self._encoder, self._settings, self._seed = encoder, settings, seed
        layers = cast(int, settings.layers)
        self._frozen = TunedLayers.from_encoder(encoder.model, layers).to(encoder.device)
        self._start = self._frozen  # where training begins
        if adapter is not None and adapter.layers == layers:
            self._start = copy.deepcopy(self._frozen)
            adapter.added_to(self._start)
        lower = LowerLayers(encoder, self._frozen.branch)
        self.states = BranchStates(lower, [*texts, *said.values()], memory_mb=settings.memory_mb)
        self.unknown = lower.share_of_unknown(self.states.ids)
        self.history = History()

    def run(self, *, before: TunedIntentModel | None = None) -> Outcome:
        """Tries on a part of the examples, decides, and trains on all of them.

        Args:
            before: a model to go on from (`rasa train --finetune`).

        Raises:
            TrainingFailedError: with `finetune: true`, the training broke down before an epoch was done.
        """
        try:
            return self._run(before)
        except TrainingFailedError as error:
            if self._settings.mode == "true":
                raise
            return self._without(f"the training broke down: {error}")

    def export(self, model: TunedIntentModel, folder: Path) -> None:
        """Stores the quick form of the model's layers, compared on the examples (`quick_layers.py`)."""
        some = np.random.default_rng(self._seed).permutation(len(self._targets))[:_COMPARED]
        if self._encoder.device == "cpu":
            export(
                model.layers,
                self.states.of(some.tolist()),
                lambda vectors: model.predict_proba(vectors).argmax(axis=1),
                folder,
            )

    def _run(self, before: TunedIntentModel | None) -> Outcome:
        count, facts = len(self._targets), self.history.facts
        if before is not None and before.own_layers != self._settings.layers:
            logger.warning(
                f"The stored model has {before.own_layers} layers of its own, {self._settings.layers} are tuned now:"
                " training begins anew."
            )
            before = None
        held_out = validation_part(self._targets, self._seed)
        kept = np.setdiff1d(np.arange(count), held_out)
        epochs, once = epochs_for(count, self._settings.epochs), count > _TRAINED_ONCE
        facts.update(examples=count, intents=len(self.classes), held_out=len(held_out), epochs=epochs)
        reason = self._why_not(epochs * (1 if once else 2), len(held_out))
        if reason:
            return self._without(reason)
        frozen = self._untuned_right(self._frozen, kept, held_out)
        facts["frozen_accuracy"] = _mean(frozen)
        self._choose_start(frozen, kept, held_out)
        trial, tuned = self._trained("trial", kept, held_out, epochs, before)
        measured, trial = self._measured(trial, held_out)
        right = measured.probabilities.argmax(axis=1) == measured.labels
        facts.update(tuned_accuracy=_mean(right), temperature=trial.temperature)
        if self._settings.mode == "auto" and clearly_better(frozen, right):
            return self._without("the frozen encoder did better on the held-out examples", measured)
        if once:
            return Outcome(trial, measured, self.history)
        final, _ = self._trained("final", np.arange(count), np.zeros(0, dtype=int), tuned.best, before)
        final.temperature = trial.temperature
        return Outcome(final, measured, self.history)

    def _why_not(self, epochs: int, held_out: int) -> str:
        """Why `auto` leaves the encoder as it is; empty when it does not."""
        minutes = self._estimated_minutes(epochs)
        self.history.facts["estimated_minutes"] = round(minutes, 2)
        if self._settings.mode != "auto":
            return ""
        if not held_out:
            return f"fewer than {FEWEST} examples an intent cannot tell which is better"
        if minutes > self._settings.minutes:
            return f"training would take about {minutes:.0f} minutes, and `minutes` is {self._settings.minutes:g}"
        return ""

    def _estimated_minutes(self, epochs: int) -> float:
        """From two steps on this machine, now."""
        indices = np.arange(min(self._settings.batch_size, len(self._targets)))
        batch = Examples(self.states, indices, self._targets[indices])
        probe = Tuner(copy.deepcopy(self._start), self._cosine(indices), self._settings, seed=self._seed)
        probe.fit(batch, epochs=1)  # the first step makes kernels that later ones re-use
        started = time.monotonic()
        probe.fit(batch, epochs=2)
        seconds = (time.monotonic() - started) / (2 * len(indices))
        return epochs * len(self._targets) * seconds / 60

    def _trained(
        self, part: str, chosen: np.ndarray, held_out: np.ndarray, epochs: int, before: TunedIntentModel | None
    ) -> tuple[TunedIntentModel, Tuned]:
        layers, cosine = copy.deepcopy(self._start), self._cosine(chosen)
        if before is not None:
            layers.load_state_dict(before.layers.state_dict())
            known = [index for index, intent in enumerate(self.classes) if intent in before.classes_]
            cosine[known] = before.head.cosine[[before.classes_.index(self.classes[index]) for index in known]]
        examples = self._examples(chosen, names=True)
        unseen = self._examples(held_out, names=False) if len(held_out) else None
        telling = len(held_out) >= _TELLING
        steps = epochs * -(-len(examples.indices) // self._settings.batch_size)
        bar = ProgressBar(f"Tuning the intents, {part}", steps)
        try:
            tuned = Tuner(layers, cosine, self._settings, seed=self._seed).fit(
                examples, epochs=epochs, validation=unseen, choose=telling, report=bar
            )
        finally:
            bar.close()
        setattr(self.history, part, tuned.epochs)
        if tuned.problem:
            logger.warning("Training stopped: %s. The weights after epoch %d are kept.", tuned.problem, tuned.best)
            self.history.facts[f"{part}_problem"] = tuned.problem
        return self._built(layers, tuned, cosine, chosen), tuned

    def _built(self, layers: TunedLayers, tuned: Tuned, start: np.ndarray, chosen: np.ndarray) -> TunedIntentModel:
        """The averaged layers, and the head fitted on their vectors."""
        share = self._settings.average
        layers.load_state_dict(averaged(tuned.layers, self._start.state_dict(), share))
        rounded(layers)
        cosine = unit(share * tuned.cosine.numpy() + (1 - share) * start)
        head = VotingHead.fit(
            self._examples(chosen, names=False).vectors(layers),
            self._targets[chosen],
            cosine=cosine,
            names=self._name_vectors(layers),
            seed=self._seed,
        )
        return TunedIntentModel(
            lambda: layers,
            head,
            self.classes,
            branch=layers.branch,
            own_layers=len(layers.layers),
            temperature=1.0,
            encoder=self._encoder.fingerprint,
        )

    def _measured(self, model: TunedIntentModel, held_out: np.ndarray) -> tuple[HeldOut, TunedIntentModel]:
        """What the model says of examples it has not seen, and the model with the temperature found on them."""
        vectors = self._examples(held_out, names=False).vectors(model.layers)
        raw, targets = model.head.predict_proba(vectors), self._targets[held_out]
        if len(held_out):
            model.temperature = fit_temperature(np.log(np.maximum(raw, 1e-9)), targets)
        return HeldOut(calibrated(raw, model.temperature), targets), model

    def _choose_start(self, frozen: np.ndarray, kept: np.ndarray, held_out: np.ndarray) -> None:
        """Training begins at the shipped adapter, unless it makes the encoder clearly worse for this bot's intents."""
        if self._start is self._frozen:
            return
        adapted = self._untuned_right(self._start, kept, held_out)
        self.history.facts["adapter_accuracy"] = _mean(adapted)
        if clearly_better(frozen, adapted):
            self._start = self._frozen
        self.history.facts["adapter"] = self._start is not self._frozen

    def _untuned_right(self, layers: TunedLayers, kept: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        """Which of the held-out examples a head on these layers, as they are, gets right."""
        if not len(held_out):
            return np.zeros(0, dtype=bool)
        vectors = self._examples(np.arange(len(self._targets)), names=False).vectors(layers)
        names = {self.classes[index]: vector for index, vector in self._name_vectors(layers).items()}
        labels = [self.classes[target] for target in self._targets[kept]]
        head, _ = IntentHead.fit(vectors[kept], labels, name_vectors=names, seed=self._seed)
        said = np.array([self.classes.index(intent) for intent in head.classes_])
        return said[head.predict_proba(vectors[held_out]).argmax(axis=1)] == self._targets[held_out]

    def _examples(self, chosen: np.ndarray, *, names: bool) -> Examples:
        """The chosen examples; with `names`, the intents' names too."""
        if not names:
            return Examples(self.states, chosen, self._targets[chosen])
        rows = len(self._targets) + np.arange(len(self._named))
        indices, targets = np.concatenate([chosen, rows]), np.concatenate([self._targets[chosen], self._named])
        return Examples(self.states, indices, targets)

    def _name_vectors(self, layers: TunedLayers) -> dict[int, np.ndarray]:
        rows = len(self._targets) + np.arange(len(self._named))
        vectors = Examples(self.states, rows, self._named).vectors(layers)
        return dict(zip(self._named.tolist(), vectors))

    def _cosine(self, chosen: np.ndarray) -> np.ndarray:
        """Where the intents' vectors start."""
        vectors = self._examples(chosen, names=False).vectors(self._start)
        names = self._name_vectors(self._start)
        return class_means(vectors, self._targets[chosen], len(self.classes), names=names, name_share=_NAME_SHARE)

    def _without(self, reason: str, measured: HeldOut | None = None) -> Outcome:
        self.history.facts["not_tuned"] = reason
        nothing = HeldOut(np.zeros((0, len(self.classes)), np.float32), np.zeros(0, dtype=int))
        return Outcome(None, measured or nothing, self.history)


def clearly_better(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether one is right more often than the other on the same examples, by more than two standard errors.

    Args:
        one: `(examples,)`, whether it was right of each.
        other: likewise.
    """
    difference = one.astype(int) - other.astype(int)
    return bool(difference.sum() > 2 * np.sqrt((difference**2).sum()))


def _mean(right: np.ndarray) -> float:
    return float(right.mean()) if len(right) else 0.0


def epochs_for(examples: int, most: int) -> int:
    """Fewer rounds through more examples: by the square root, from `_MANY` on."""
    return min(most, max(_FEWEST_EPOCHS, round(most * (_MANY / max(examples, _MANY)) ** 0.5)))
