"""Makes the sentiment layers that ship with the package: the encoder's top layers, tuned on rated sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from rasa_llm_components.models.finetuning.branch_states import BranchStates
from rasa_llm_components.models.finetuning.low_rank import LowRankDifference
from rasa_llm_components.models.finetuning.optimiser import WEIGHT_DECAY, adamw, warm_up_then_down
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.finetuning.weight_averaging import snapshot
from rasa_llm_components.models.sentiment_head import LABELS
from rasa_llm_components.models.sentiment_layers import SentimentTuning
from rasa_llm_components.models.shipped import PROBE

LAYERS, RANK = 2, 64
EPOCHS, BATCH, LEARNING_RATE, OUTPUT_LEARNING_RATE = 3, 64, 3e-4, 2e-3
LONGEST_GRADIENT = 1.0
# So many batches are drawn at once and sorted by length: little is padded, and the order stays random.
BUCKET = 20


@dataclass(frozen=True)
class Rows:
    """What to train on.

    Attributes:
        indices: `(rows,)` of the texts whose states are there.
        targets: `(rows, 3)`, a probability for each of `LABELS`.
        weights: `(rows,)`, how much each counts.
    """

    indices: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


def train_layers(encoder: Any, states: BranchStates, rows: Rows, *, seed: int = 0) -> SentimentTuning:
    """Tunes the top layers and a linear output by AdamW, and keeps of them what is shipped.

    Args:
        encoder: in this process.
        states: of all texts, at the branch layer.
        rows: which of them to learn from.
        seed: of the first output weights, the order and dropout.
    """
    torch.manual_seed(seed)
    layers = TunedLayers.from_encoder(encoder.model, LAYERS)
    original = snapshot(layers)
    output = torch.nn.Linear(layers.hidden, len(LABELS))
    torch.nn.init.normal_(output.weight, std=0.01)
    torch.nn.init.zeros_(output.bias)
    size = math.sqrt(layers.hidden)  # coordinates of size 1, which the optimiser expects
    optimiser = adamw(
        layers,
        LEARNING_RATE,
        head=list(output.parameters()),
        head_learning_rate=OUTPUT_LEARNING_RATE,
        head_decay=WEIGHT_DECAY,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, warm_up_then_down(EPOCHS * -(-len(rows.indices) // BATCH)))
    generator = np.random.default_rng(seed)
    layers.train()
    for epoch in range(EPOCHS):
        print(f"Epoch {epoch + 1} of {EPOCHS}", flush=True)
        for batch in _batches(np.array([len(states.ids[index]) for index in rows.indices]), generator):
            logits = output(layers.packed(states.of(rows.indices[batch].tolist())) * size)
            wanted = torch.tensor(rows.targets[batch], dtype=torch.float32)
            losses = functional.cross_entropy(logits, wanted, reduction="none")
            optimiser.zero_grad()
            (losses * torch.tensor(rows.weights[batch], dtype=torch.float32)).mean().backward()
            torch.nn.utils.clip_grad_norm_(layers.parameters(), LONGEST_GRADIENT)
            optimiser.step()
            schedule.step()
    return SentimentTuning(
        layers=LAYERS,
        difference=LowRankDifference.between(original, snapshot(layers), rank=RANK),
        output=(output.weight.detach().numpy() * size).astype(np.float16),
        bias=output.bias.detach().numpy().astype(np.float16),
        encoder=encoder.fingerprint,
        probe=encoder.encode([PROBE])[0],
    )


def _batches(lengths: np.ndarray, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Positions, in batches of like length and random order."""
    order = generator.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), BATCH * BUCKET):
        bucket = order[start : start + BATCH * BUCKET]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        batches += [bucket[first : first + BATCH] for first in range(0, len(bucket), BATCH)]
    for position in generator.permutation(len(batches)):
        yield batches[position]
