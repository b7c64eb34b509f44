"""The temperature and the out-of-scope threshold are facts of the data: the machine's threads do not change them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from rasa_llm_components.models.calibration import COLDEST, HOTTEST, fit_temperature, softmax
from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.finetuning.intent_tuning import IntentTuning
from rasa_llm_components.models.finetuning.settings import FinetuneSettings
from rasa_llm_components.models.intent_head import IntentHead
from rasa_llm_components.models.out_of_scope.detector import OutOfScopeHead
from rasa_llm_components.models.out_of_scope.scores import generic_sentences
from rasa_llm_components.models.registry import shared_encoder

CLEAR = {
    "order_status": ["where is my parcel", "track my order", "has it been shipped", "when will it arrive", "any news"],
    "return_item": [
        "I want to send this back",
        "how do I return it",
        "return my order",
        "refund please",
        "take it back",
    ],
    "opening_hours": [
        "when are you open",
        "open on sunday?",
        "what are your hours",
        "do you close at six",
        "open now?",
    ],
    "payment": ["can I pay by card", "do you take paypal", "which cards work", "pay on invoice", "can I use a cheque"],
    "greet": ["hello", "good morning", "hi there", "hey", "good evening"],
    "complaint": ["this is a scandal", "I am angry", "worst shop ever", "I will complain", "nobody answers me"],
}
SENTENCES = [text for texts in CLEAR.values() for text in texts]
RIGHT = [label for label, texts in CLEAR.items() for _ in texts]
MIXED = [RIGHT[(index * 7) % len(RIGHT)] for index in range(len(RIGHT))]
"""As many of each intent, under the wrong sentences: nothing can be learnt."""


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return shared_encoder({"device": "cpu", "runtime": "torch"})


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def head(encoder: Encoder, labels: list[str]) -> IntentHead:
    return IntentHead.fit(encoder.encode(SENTENCES), labels)[0]


def detector(encoder: Encoder, labels: list[str], sentences: list[str] = SENTENCES) -> OutOfScopeHead:
    return OutOfScopeHead.fit(encoder.encode(sentences), labels, encoder.encode(generic_sentences()))


def tuned_temperature(encoder: Encoder, labels: list[str]) -> float:
    settings = replace(FinetuneSettings(mode="true"), epochs=1)
    model = IntentTuning(encoder, SENTENCES, labels, names=True, settings=settings, seed=1).run().model
    assert model is not None
    return model.temperature


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(true_temperature: float) -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 4, (4000, 5))
    probabilities = softmax(logits / true_temperature)
    labels = (probabilities.cumsum(axis=1) > generator.random((4000, 1))).argmax(axis=1)
    assert fit_temperature(logits, labels) == pytest.approx(true_temperature, rel=0.1)


def test_a_handful_of_easy_examples_does_not_promise_certainty() -> None:
    easy = np.eye(3) * 10
    few, many = (
        fit_temperature(easy, np.arange(3)),
        fit_temperature(np.tile(easy, (400, 1)), np.tile(np.arange(3), 400)),
    )
    assert COLDEST <= many < few <= 1.01
    assert fit_temperature(easy, np.array([1, 2, 0])) < HOTTEST


@pytest.mark.parametrize("measure", [lambda *a: head(*a).temperature, lambda *a: detector(*a).found.threshold])
def test_one_and_two_threads_find_the_same_and_other_data_something_else(encoder: Encoder, measure) -> None:
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(measure(encoder, RIGHT))
    assert found[0] == pytest.approx(found[1], rel=1e-3)
    assert abs(measure(encoder, MIXED) / found[0] - 1) > 0.05


def test_a_tuned_temperature_is_the_datas_too(encoder: Encoder) -> None:
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(tuned_temperature(encoder, RIGHT))
    assert found[0] == pytest.approx(found[1], rel=0.02)
    assert tuned_temperature(encoder, MIXED) > 1.1 * found[0]
