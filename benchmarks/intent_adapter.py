"""Makes the intent adapter that ships with the package, and measures it on trades that it has not seen.

    python benchmarks/intent_adapter.py --save rasa_llm_components/models/heads/all-MiniLM-L6-v2.intent_adapter.npz
    python benchmarks/intent_adapter.py --json OUT

It learns from `intent_data/`, one file a trade, written for this purpose; no bank is among them. Without `--save` the
trades are taken in four parts: an adapter made without a part's trades is tried on each of them, five examples an
intent, beside tuning that begins at the encoder's own layers.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch.nn import functional

from rasa_llm_components.models.finetuning.branch_states import BranchStates
from rasa_llm_components.models.finetuning.class_means import class_means
from rasa_llm_components.models.finetuning.intent_adapter import IntentAdapter
from rasa_llm_components.models.finetuning.intent_tuning import IntentTuning
from rasa_llm_components.models.finetuning.label_names import readable_names
from rasa_llm_components.models.finetuning.low_rank import LowRankDifference
from rasa_llm_components.models.finetuning.lower_layers import LowerLayers
from rasa_llm_components.models.finetuning.optimiser import adamw, warm_up_then_down
from rasa_llm_components.models.finetuning.settings import FinetuneSettings
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.finetuning.voting_head import TEMPERATURE
from rasa_llm_components.models.finetuning.weight_averaging import snapshot
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.shipped import PROBE

DATA = Path(__file__).parent / "intent_data"
LAYERS, RANK = 4, 32
EPOCHS, BATCH, LEARNING_RATE, HEAD_LEARNING_RATE = 4, 64, 1e-4, 1e-3
LONGEST_GRADIENT, NAME_SHARE = 1.0, 0.3
PARTS, SHOTS = 4, 5
MEMORY_MB = 2048

Trade = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Lesson:
    """One trade, ready to be learnt: only its own intents are told apart.

    Attributes:
        states: of its messages and its intents' names, at the branch layer.
        targets: `(messages and names,)`.
        cosine: `(intents, hidden)`, learnt with the layers and left behind.
    """

    states: BranchStates
    targets: np.ndarray
    cosine: torch.nn.Parameter


def main() -> None:
    """Makes or measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--save", type=Path, help="learn from all trades and write the adapter to this file")
    parser.add_argument("--json", type=Path, help="write the records here")
    options = parser.parse_args()
    encoder: Any = shared_encoder({})
    trades = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(DATA.glob("*.yml"))}
    if options.save:
        learn(encoder, list(trades.values())).save_pretrained(options.save)
        print(f"{options.save}: {options.save.stat().st_size / 1e6:.1f} MB from {len(trades)} trades")
        return
    records = measured(encoder, trades)
    print("\n".join(", ".join(f"{key}: {value}" for key, value in record.items()) for record in records))
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def learn(encoder: Any, trades: Sequence[Trade], *, seed: int = 0) -> IntentAdapter:
    """Tunes the top layers on all trades in turn, a batch from one of them at a time."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    layers = TunedLayers.from_encoder(encoder.model, LAYERS)
    original = snapshot(layers)
    lessons = [_lesson(encoder, layers, trade) for trade in trades]
    optimiser = adamw(
        layers, LEARNING_RATE, head=[lesson.cosine for lesson in lessons], head_learning_rate=HEAD_LEARNING_RATE
    )
    steps = EPOCHS * sum(math.ceil(len(lesson.targets) / BATCH) for lesson in lessons)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, warm_up_then_down(steps))
    layers.train()
    for _ in range(EPOCHS):
        batches = [(lesson, batch) for lesson in lessons for batch in _batches(len(lesson.targets), generator)]
        for number in generator.permutation(len(batches)):
            lesson, batch = batches[number]
            vectors = layers.packed(lesson.states.of(batch.tolist()))
            cosines = vectors @ functional.normalize(lesson.cosine, dim=-1).T
            loss = functional.cross_entropy(cosines / TEMPERATURE, torch.tensor(lesson.targets[batch]))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(layers.parameters(), LONGEST_GRADIENT)
            optimiser.step()
            schedule.step()
    return IntentAdapter(
        layers=LAYERS,
        difference=LowRankDifference.between(original, snapshot(layers), rank=RANK),
        encoder=encoder.fingerprint,
        probe=encoder.encode([PROBE])[0],
    )


def measured(encoder: Any, trades: Mapping[str, Trade], *, parts: int = PARTS) -> list[dict[str, Any]]:
    """A record a trade, and their means."""
    names = np.random.default_rng(0).permutation(sorted(trades))
    records = []
    for part in np.array_split(names, min(parts, len(names))):
        adapter = learn(encoder, [trades[name] for name in names if name not in part])
        records += [
            {
                "trade": str(name),
                "intents": len(trades[name]),
                "with_adapter": _accuracy(encoder, trades[name], adapter),
                "without": _accuracy(encoder, trades[name], None),
            }
            for name in part
        ]
    means = {key: round(float(np.mean([record[key] for record in records])), 4) for key in ("with_adapter", "without")}
    wins = sum(record["with_adapter"] > record["without"] for record in records)
    return [{"trade": "mean", "intents": sum(record["intents"] for record in records), **means, "wins": wins}, *records]


def _accuracy(encoder: Any, trade: Trade, adapter: IntentAdapter | None) -> float:
    """Of a model tuned on the first examples of each intent, on the others."""
    learnt = [(text, intent) for intent, texts in trade.items() for text in texts[:SHOTS]]
    asked = [(text, intent) for intent, texts in trade.items() for text in texts[SHOTS:]]
    texts, labels = [text for text, _ in learnt], [intent for _, intent in learnt]
    settings = FinetuneSettings.parse(True, epochs=FinetuneSettings.epochs)
    tuning = IntentTuning(encoder, texts, labels, names=True, settings=settings, seed=42, adapter=adapter)
    model = tuning.run().model
    assert model is not None
    said = model.predict_texts(encoder, [text for text, _ in asked]).argmax(axis=1)
    return round(float(np.mean([model.classes_[index] == intent for index, (_, intent) in zip(said, asked)])), 4)


def _lesson(encoder: Any, layers: TunedLayers, trade: Trade) -> Lesson:
    intents = sorted(trade)
    texts = [text for intent in intents for text in trade[intent]]
    targets = np.repeat(np.arange(len(intents)), [len(trade[intent]) for intent in intents])
    names = readable_names(intents)
    named = np.array([intents.index(intent) for intent in names])
    states = BranchStates(LowerLayers(encoder, layers.branch), [*texts, *names.values()], memory_mb=MEMORY_MB)
    vectors = states.vectors(layers, range(len(states)))
    cosine = class_means(
        vectors[: len(texts)],
        targets,
        len(intents),
        names=dict(zip(named.tolist(), vectors[len(texts) :])),
        name_share=NAME_SHARE,
    )
    return Lesson(states, np.concatenate([targets, named]), torch.nn.Parameter(torch.tensor(cosine)))


def _batches(count: int, generator: np.random.Generator) -> list[np.ndarray]:
    order = generator.permutation(count)
    return [order[start : start + BATCH] for start in range(0, count, BATCH)]


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s")
