"""The training loop: cross-entropy of cosines, one sentence vector against one vector an intent."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from rasa_llm_components.models.finetuning.branch_states import BranchStates
from rasa_llm_components.models.finetuning.history import Epoch
from rasa_llm_components.models.finetuning.optimiser import adamw, warm_up_then_down
from rasa_llm_components.models.finetuning.settings import LEARNING_RATE, FinetuneSettings
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.finetuning.voting_head import TEMPERATURE
from rasa_llm_components.models.finetuning.weight_averaging import snapshot

logger = logging.getLogger(__name__)

_LONGEST_GRADIENT = 1.0


class TrainingFailedError(RuntimeError):
    """A training broke down before it had weights worth keeping."""


@dataclass(frozen=True)
class Examples:
    """What to train on.

    Attributes:
        states: the texts at the branch layer.
        indices: which of the texts.
        targets: `(indices,)` class of each.
    """

    states: BranchStates
    indices: np.ndarray
    targets: np.ndarray

    def vectors(self, layers: TunedLayers) -> np.ndarray:
        """Sentence vectors `(indices, hidden)`."""
        return self.states.vectors(layers, self.indices.tolist())

    def batches(self, size: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
        """Positions in `indices`, in a new order each time."""
        order = generator.permutation(len(self.indices))
        for start in range(0, len(order), size):
            yield order[start : start + size]


@dataclass(frozen=True)
class Tuned:
    """What a training left behind.

    Attributes:
        layers: the weights after the best epoch.
        cosine: `(classes, hidden)` the intents' vectors, of length 1.
        epochs: what each epoch brought.
        best: number of epochs after which the weights were the best.
        problem: why training ended before its time, empty if it did not.
    """

    layers: dict[str, torch.Tensor]
    cosine: torch.Tensor
    epochs: list[Epoch]
    best: int
    problem: str = ""


class Tuner:
    """Trains layers in place."""

    def __init__(self, layers: TunedLayers, cosine: np.ndarray, settings: FinetuneSettings, *, seed: int) -> None:
        """Prepares a training.

        Args:
            layers: where they start.
            cosine: `(classes, hidden)` where the intents' vectors start.
            settings: learning rates and batch size.
            seed: order of the examples and dropout.
        """
        self._layers, self._settings, self._seed = layers, settings, seed
        self._cosine = torch.nn.Parameter(torch.tensor(cosine, device=layers.device))
        self._parts = 1
        self._optimizer = adamw(
            layers,
            settings.learning_rate or LEARNING_RATE,
            head=[self._cosine],
            head_learning_rate=settings.head_learning_rate,
        )

    def fit(
        self,
        examples: Examples,
        *,
        epochs: int,
        validation: Examples | None = None,
        choose: bool = True,
        report: Callable[[str], None] = lambda _: None,
    ) -> Tuned:
        """Trains.

        Args:
            examples: to learn from.
            epochs: rounds at most.
            validation: held-out examples, measured after every epoch.
            choose: they say which epoch is best, and when to stop; otherwise the last one counts.
            report: told how it goes after every step.

        Raises:
            TrainingFailedError: a loss was no number, or memory ran out, in the first epoch.
        """
        started, generator = time.monotonic(), np.random.default_rng(self._seed)
        steps = epochs * math.ceil(len(examples.indices) / self._settings.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, warm_up_then_down(steps))
        done: list[Epoch] = []
        best, kept = 0, (snapshot(self._layers), self._cosine.detach().clone())
        with torch.random.fork_rng(devices=_cuda_devices(self._layers.device)):
            torch.manual_seed(self._seed)
            for number in range(1, epochs + 1):
                self._layers.train()
                losses = []
                for batch in examples.batches(self._settings.batch_size, generator):
                    loss = self._step(examples, batch)
                    if not math.isfinite(loss):
                        problem = f"the loss or its gradient is no number at step {schedule.last_epoch + 1} of {steps}"
                        return self._ended(kept, done, best, problem)
                    schedule.step()
                    losses.append(loss)
                    report(f"epoch {number} of {epochs}, loss {loss:.3f}")
                done.append(Epoch(float(np.mean(losses)), round(time.monotonic() - started, 2)))
                if validation is not None:
                    done[-1].validation_loss, done[-1].validation_accuracy = self.measured(validation)
                if validation is None or not choose or _better(done[-1], done[best - 1] if best else None):
                    best, kept = number, (snapshot(self._layers), self._cosine.detach().clone())
                if number - best >= self._settings.patience:
                    break
        return self._ended(kept, done, best, "")

    def measured(self, examples: Examples) -> tuple[float, float]:
        """Mean cross-entropy and accuracy of the cosines on examples."""
        vectors = torch.tensor(examples.vectors(self._layers))
        logits = vectors @ functional.normalize(self._cosine.detach().cpu(), dim=-1).T / TEMPERATURE
        targets = torch.tensor(examples.targets)
        accuracy = (logits.argmax(dim=1) == targets).float().mean()
        return float(functional.cross_entropy(logits, targets)), float(accuracy)

    def _step(self, examples: Examples, batch: np.ndarray) -> float:
        """One step; a batch that a GPU's memory cannot take is halved from then on."""
        while True:
            try:
                return self._step_in_parts(examples, batch)
            except torch.OutOfMemoryError:
                if self._parts >= len(batch):
                    raise
                self._parts *= 2
                logger.warning("Out of memory: a batch is taken in %d parts from now on.", self._parts)
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()

    def _step_in_parts(self, examples: Examples, batch: np.ndarray) -> float:
        self._optimizer.zero_grad()
        total = 0.0
        for part in np.array_split(batch, min(self._parts, len(batch))):
            loss = self._loss(examples, part) * (len(part) / len(batch))
            loss.backward()
            total += loss.item()
        weights = [weight for group in self._optimizer.param_groups for weight in group["params"]]
        length = torch.nn.utils.clip_grad_norm_(weights, _LONGEST_GRADIENT).item()
        if not math.isfinite(total + length):
            return math.nan  # a finite loss may have a gradient that is no number
        self._optimizer.step()
        return total

    def _loss(self, examples: Examples, part: np.ndarray) -> torch.Tensor:
        vectors = self._layers.packed(examples.states.of([int(index) for index in examples.indices[part]]))
        cosines = vectors @ functional.normalize(self._cosine, dim=-1).T
        targets = torch.tensor(examples.targets[part], device=vectors.device)
        return functional.cross_entropy(cosines / TEMPERATURE, targets)

    def _ended(
        self, kept: tuple[dict[str, torch.Tensor], torch.Tensor], done: list[Epoch], best: int, problem: str
    ) -> Tuned:
        if problem and not best:
            raise TrainingFailedError(problem)
        weights, cosine = kept
        return Tuned(weights, functional.normalize(cosine, dim=-1).cpu(), done, best, problem)


def _better(epoch: Epoch, best: Epoch | None) -> bool:
    if best is None:
        return True
    assert epoch.validation_accuracy is not None
    assert best.validation_accuracy is not None
    assert epoch.validation_loss is not None
    assert best.validation_loss is not None
    return (epoch.validation_accuracy, -epoch.validation_loss) > (best.validation_accuracy, -best.validation_loss)


def _cuda_devices(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
