"""What happened in a training, epoch by epoch: numbers, a picture, and TensorBoard where it is installed."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

FILE, PICTURE = "training_history.json", "training_history.png"


@dataclass
class Epoch:
    """One round through the examples.

    Attributes:
        loss: mean cross-entropy of the training examples.
        seconds: from the training's start to the epoch's end.
        validation_loss: of the held-out examples, where there are any.
        validation_accuracy: likewise.
    """

    loss: float
    seconds: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass
class History:
    """A bot's training: why the model is as it is.

    Attributes:
        facts: what was found and decided, by name.
        trial: epochs of the training that leaves a part of the examples out.
        final: epochs of the training on all examples.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    trial: list[Epoch] = field(default_factory=list)
    final: list[Epoch] = field(default_factory=list)

    def save(self, folder: Path) -> None:
        """Writes the numbers, the picture, and TensorBoard's events where it can."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        if self.trial or self.final:
            _draw(self, folder / PICTURE)
            _write_events(self, folder)


def _draw(history: History, path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        logger.debug("No matplotlib, no picture of the training.")
        return
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    losses, accuracies = figure.subplots(1, 2)
    for name, epochs in (("part", history.trial), ("all", history.final)):
        losses.plot([epoch.loss for epoch in epochs], label=f"loss, {name} of the examples")
    losses.plot([epoch.validation_loss for epoch in history.trial], label="loss, held-out examples")
    accuracies.plot([epoch.validation_accuracy for epoch in history.trial], label="accuracy, held-out examples")
    for axes in (losses, accuracies):
        axes.set_xlabel("epoch")
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=90)


def _write_events(history: History, folder: Path) -> None:
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        return
    # torch.utils.tensorboard writes the same, but imports TensorFlow for it, which takes longer than a training.
    for part in ("trial", "final"):
        (folder / part).mkdir(exist_ok=True)
        with (folder / part / f"events.out.tfevents.{int(time.time())}").open("wb") as file:
            writer = RecordWriter(file)
            writer.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
            for number, epoch in enumerate(getattr(history, part), 1):
                values = [
                    Summary.Value(tag=name, simple_value=value)
                    for name, value in asdict(epoch).items()
                    if value is not None
                ]
                event = Event(wall_time=time.time(), step=number, summary=Summary(value=values))
                writer.write(event.SerializeToString())
            writer.flush()
