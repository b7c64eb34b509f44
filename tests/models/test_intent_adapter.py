"""Where tuning begins: the shipped layers, if they fit the encoder and suit the bot's examples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.finetuning.intent_adapter import IntentAdapter, shipped_adapter
from rasa_llm_components.models.finetuning.intent_tuning import IntentTuning
from rasa_llm_components.models.finetuning.low_rank import LowRankDifference
from rasa_llm_components.models.finetuning.settings import LAYERS, FinetuneSettings
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.shipped import PROBE, shipped_files
from rasa_llm_components.models.stand_ins import StandInEncoder

SETTINGS = FinetuneSettings(mode="true", epochs=1)
INTENTS = {
    "card_arrival": ["when does my new card come", "I ordered a card and it is not here", "track the card you sent"],
    "card_lost": ["I lost my card", "my card was stolen from my bag", "I can't find my card anywhere"],
    "card_fee": ["what does a card cost", "is there a fee for the card", "how much do I pay for a second card"],
    "card_limit": ["raise the limit of my card", "how much can I spend with it", "my card's limit is too low"],
}
TEXTS = [text for texts in INTENTS.values() for text in texts]
LABELS = [intent for intent, texts in INTENTS.items() for _ in texts]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    found = shared_encoder({"device": "cpu"})
    assert isinstance(found, Encoder)
    return found


def made(encoder: Encoder, layers: int, change: float) -> IntentAdapter:
    """An adapter that moves every weight of the layers by a random number of this size."""
    original = TunedLayers.from_encoder(encoder.model, layers).state_dict()
    generator = np.random.default_rng(0)
    tuned = {
        name: weight + weight.new_tensor(change * generator.standard_normal(weight.shape))
        for name, weight in original.items()
    }
    difference = LowRankDifference.between(original, tuned, rank=4)
    return IntentAdapter(layers, difference, encoder.fingerprint, encoder.encode([PROBE])[0])


def tuning(encoder: Encoder, adapter: IntentAdapter | None, layers: int = 4) -> IntentTuning:
    settings = replace(SETTINGS, layers=layers)
    return IntentTuning(encoder, TEXTS, LABELS, names=True, settings=settings, seed=1, adapter=adapter)


def same(one: TunedLayers, other: TunedLayers) -> bool:
    return all(bool((one.state_dict()[name] == weight).all()) for name, weight in other.state_dict().items())


def test_the_packaged_encoder_has_a_small_one(encoder: Encoder) -> None:
    found = shipped_adapter(encoder)
    assert found is not None
    assert found.layers == LAYERS
    assert sum(file.stat().st_size for file in shipped_files("intent_adapter")) < 1_500_000


def test_another_encoder_has_none() -> None:
    assert shipped_adapter(StandInEncoder()) is None


def test_training_begins_at_it(encoder: Encoder) -> None:
    adapter = made(encoder, 4, 0.001)
    started = tuning(encoder, adapter)
    own, adapted = (TunedLayers.from_encoder(encoder.model, 4) for _ in range(2))
    adapter.added_to(adapted)
    assert same(started._start, adapted)
    assert same(started._frozen, own)
    facts = started.run().history.facts
    assert facts["adapter"] is True
    assert "adapter_accuracy" in facts


def test_a_head_that_it_makes_clearly_worse_goes_without_it(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tuning(encoder, made(encoder, 4, 0.001))
    right = iter([np.ones(20, dtype=bool), np.zeros(20, dtype=bool)])
    monkeypatch.setattr(started, "_untuned_right", lambda *_: next(right))
    facts = started.run().history.facts
    assert facts["adapter"] is False
    assert (facts["frozen_accuracy"], facts["adapter_accuracy"]) == (1.0, 0.0)
    assert started._start is started._frozen


def test_one_for_another_number_of_layers_is_left_alone(encoder: Encoder) -> None:
    started = tuning(encoder, made(encoder, 4, 0.001), layers=2)
    assert started._start is started._frozen
    assert "adapter" not in started.run().history.facts


def test_a_stored_one_changes_the_same(encoder: Encoder, tmp_path: Path) -> None:
    adapter = made(encoder, 2, 0.01)
    adapter.save_pretrained(tmp_path / "one.npz")
    again = IntentAdapter.from_pretrained(tmp_path / "one.npz")
    assert again.fits(encoder.fingerprint, np.zeros(3))
    assert again.fits("the same under another name", encoder.encode([PROBE])[0])
    assert not again.fits("another", np.ones(384))
    one, other = (TunedLayers.from_encoder(encoder.model, 2) for _ in range(2))
    adapter.added_to(one)
    again.added_to(other)
    assert same(one, other)


def test_a_file_that_is_no_whole_one_is_a_value_error(encoder: Encoder, tmp_path: Path) -> None:
    file = tmp_path / "one.npz"
    made(encoder, 2, 0.01).save_pretrained(file)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="no whole"):
        IntentAdapter.from_pretrained(file)
    np.savez(file, layers=np.array(2))
    with pytest.raises(ValueError, match="no whole intent adapter"):
        IntentAdapter.from_pretrained(file)


def test_layers_of_another_shape_are_a_value_error(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="another shape"):
        made(encoder, 2, 0.01).added_to(TunedLayers.from_encoder(encoder.model, 1))
