"""The small pieces of fine-tuning, each on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.finetuning import voting_head
from rasa_llm_components.models.finetuning.class_means import class_means
from rasa_llm_components.models.finetuning.guards import oddities, unknown_words
from rasa_llm_components.models.finetuning.intent_tuning import clearly_better, epochs_for
from rasa_llm_components.models.finetuning.label_names import readable_names
from rasa_llm_components.models.finetuning.settings import FinetuneSettings
from rasa_llm_components.models.finetuning.validation_part import validation_part
from rasa_llm_components.models.finetuning.voting_head import VotingHead
from rasa_llm_components.models.finetuning.weight_averaging import averaged


@pytest.mark.parametrize(
    ("value", "mode", "epochs"),
    [
        ("auto", "auto", 12),
        (True, "true", 12),
        (False, "false", 12),
        ({"epochs": 3}, "true", 3),
        ({"mode": "auto", "layers": 3}, "auto", 12),
    ],
)
def test_ways_to_write_the_key(value: object, mode: str, epochs: int) -> None:
    settings = FinetuneSettings.parse(value, epochs=12)
    assert (settings.mode, settings.epochs) == (mode, epochs)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("maybe", "Write auto, true, false"),
        (3, "Write auto, true, false"),
        ({"learning_rat": 1e-3}, "Did you mean `learning_rate`"),
        ({"learning_rate": 0}, "`finetune: learning_rate: 0`"),
        ({"layers": 0}, "whole number of 1 or more"),
        ({"layers": 1.5}, "whole number of 1 or more"),
        ({"epochs": True}, "whole number of 1 or more"),
        ({"average": 1.2}, "at most 1.0"),
        ({"mode": "on"}, "Write auto, true or false"),
        ({"adapter": "auto"}, "Write true or false"),
        ({"minutes": -1}, "number of 0.0 or more"),
    ],
)
def test_mistakes_in_the_key_are_told_with_the_fix(value: object, problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        FinetuneSettings.parse(value, epochs=12)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("keys", "examples", "layers", "rate"),
    [
        ({}, 700, 4, 3e-4),
        ({}, 3000, 6, 1.5e-4),
        ({"layers": "auto", "learning_rate": "auto"}, 700, 4, 3e-4),
        ({"layers": 2, "learning_rate": 1e-4}, 3000, 2, 1e-4),
        ({"layers": 20}, 700, 6, 3e-4),
    ],
)
def test_many_examples_tune_every_layer_gently(keys: dict[str, Any], examples: int, layers: int, rate: float) -> None:
    settled = FinetuneSettings.parse(keys, epochs=8).settled(examples=examples, layers=6)
    assert (settled.layers, settled.learning_rate) == (layers, rate)


def test_every_intent_gives_its_share_to_the_held_out_part() -> None:
    targets = np.repeat([0, 1, 2, 3], [100, 50, 10, 2])
    held_out = validation_part(targets, seed=0)
    assert np.bincount(targets[held_out], minlength=4).tolist() == [20, 10, 2, 0]
    assert len(set(held_out)) == len(held_out)
    assert not np.array_equal(held_out, validation_part(targets, seed=1))


def test_few_examples_an_intent_still_leave_a_fifth() -> None:
    held_out = validation_part(np.repeat(np.arange(70), 3), seed=0)
    assert len(held_out) == 42
    assert not len(validation_part(np.repeat(np.arange(70), 2), seed=0))


def test_much_data_spares_no_more_than_it_needs_to() -> None:
    assert len(validation_part(np.repeat(np.arange(60), 1000), seed=0)) == pytest.approx(2000, abs=60)


@pytest.mark.parametrize(("examples", "epochs"), [(20, 12), (5000, 12), (8622, 9), (60_000, 3)])
def test_more_examples_take_fewer_rounds(examples: int, epochs: int) -> None:
    assert epochs_for(examples, 12) == epochs


def test_a_developer_may_ask_for_fewer_rounds_than_usual() -> None:
    assert epochs_for(60_000, 1) == 1


@pytest.mark.parametrize(
    ("one", "other", "better"),
    [
        ([1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], False),
        ([1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0], True),
        ([1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 1, 1], False),
        ([0, 0], [1, 1], False),
    ],
)
def test_a_few_errors_decide_nothing(one: list[int], other: list[int], better: bool) -> None:
    assert clearly_better(np.array(one), np.array(other)) is better


def test_names_that_are_words_are_read_as_words() -> None:
    assert readable_names(["order_status", "faq/12", "nlu_7", "Refund-not.showing", "x"]) == {
        "Refund-not.showing": "refund not showing",
        "order_status": "order status",
    }


def test_the_same_sentence_in_two_intents_is_told_with_both() -> None:
    [told] = oddities(["Hi  there", "hi there", "bye", "see you"], ["greet", "hello", "bye", "bye"])[1:]
    assert '"hi there" in greet and hello' in told


def test_sizes_of_intents_are_told() -> None:
    large, single = oddities([f"text {number}" for number in range(5002)], ["a"] * 5001 + ["b"])
    assert "a (5001)" in large
    assert "one example only" in single
    assert single.split(": ")[1].startswith("b.")
    assert not oddities(["one", "two"], ["a", "a"])


def test_a_wrong_language_is_told_with_the_share() -> None:
    assert "42% of the examples' tokens" in unknown_words(0.42)[0]
    assert not unknown_words(0.01)


def test_class_means_lean_towards_names() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    means = class_means(vectors, np.array([0, 0, 1]), 2, names={0: np.array([0, 1], np.float32)}, name_share=0.3)
    assert means[0] == pytest.approx(np.array([0.7, 0.3]) / np.hypot(0.7, 0.3), abs=1e-6)
    assert means[1] == pytest.approx([0, 1])


def test_weights_are_averaged_by_their_share() -> None:
    found = averaged({"w": torch.tensor([1.0])}, {"w": torch.tensor([0.0])}, 0.7)
    assert found["w"].item() == pytest.approx(0.7)


def test_every_class_keeps_a_vote_when_examples_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voting_head, "_REMEMBERED", 30)
    generator = np.random.default_rng(0)
    targets = np.repeat([0, 1, 2], [90, 2, 8])
    vectors = np.eye(3, dtype=np.float32)[targets] + generator.normal(0, 0.1, (100, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    head = VotingHead.fit(vectors, targets, cosine=np.eye(3, dtype=np.float32), names={}, seed=0)
    assert len(head.targets) <= 33
    assert set(head.targets.tolist()) == {0, 1, 2}
    probabilities = head.predict_proba(np.eye(3, dtype=np.float32))
    assert probabilities.argmax(axis=1).tolist() == [0, 1, 2]
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
