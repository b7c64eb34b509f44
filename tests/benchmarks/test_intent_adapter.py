"""The intent adapter's data is whole, and making and measuring an adapter does what it says."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.registry import shared_encoder

FILES = sorted((Path(__file__).parents[2] / "benchmarks" / "intent_data").glob("*.yml"))
SHOP = {
    "order_status": ["where is my parcel", "track my order", "has it left", "when will it come", "is it on its way"],
    "return_item": ["send it back", "how do I return it", "return label", "I want to give it back", "it goes back"],
    "cancel_order": ["cancel it", "stop my order", "I no longer want it", "do not send it", "call the order off"],
}
PHONE = {
    "no_signal": [
        "no bars here",
        "there is no network",
        "my phone finds no signal",
        "no service at home",
        "no coverage",
    ],
    "new_sim": ["I need a new sim", "send another sim card", "my sim is broken", "replace the sim", "sim was eaten"],
    "bill_high": ["why is my bill so high", "I pay too much", "this bill is wrong", "charged too much", "what a bill"],
}


@pytest.fixture
def intent_adapter() -> Any:
    return import_module("intent_adapter")


@pytest.fixture(scope="module")
def encoder() -> Any:
    return shared_encoder({"device": "cpu"})


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_trade_is_of_different_messages_under_one_intent_each(file: Path, intent_adapter: Any) -> None:
    trade = yaml.safe_load(file.read_text(encoding="utf-8"))
    messages = [message for messages in trade.values() for message in messages]
    assert all(isinstance(message, str) and message.strip() for message in messages)
    assert len({message.lower() for message in messages}) == len(messages)
    assert len(trade) >= 20
    assert min(len(messages) for messages in trade.values()) > intent_adapter.SHOTS


def test_no_bank_is_among_them() -> None:
    assert len(FILES) >= 8
    intents = {intent for file in FILES for intent in yaml.safe_load(file.read_text(encoding="utf-8"))}
    assert not [intent for intent in intents if {"bank", "atm", "iban"} & set(intent.split("_"))]
    assert not [file for file in FILES if "bank" in file.stem]


def test_an_adapter_changes_the_top_layers_a_little(
    encoder: Any, intent_adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intent_adapter, "EPOCHS", 1)
    adapter = intent_adapter.learn(encoder, [SHOP, PHONE])
    own, adapted = (TunedLayers.from_encoder(encoder.model, adapter.layers) for _ in range(2))
    adapter.added_to(adapted)
    changes = [float((weight - own.state_dict()[name]).abs().max()) for name, weight in adapted.state_dict().items()]
    assert 0 < max(changes) < 0.01
    assert adapter.fits(encoder.fingerprint, np.zeros(3))


def test_it_is_tried_on_trades_that_it_has_not_seen(
    encoder: Any, intent_adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: list[list[Any]] = []
    monkeypatch.setattr(intent_adapter, "learn", lambda _, trades: learnt.append(list(trades)))
    monkeypatch.setattr(intent_adapter, "_accuracy", lambda _, trade, adapter: 0.5)
    monkeypatch.setattr(intent_adapter, "SHOTS", 2)
    mean, *records = intent_adapter.measured(encoder, {"shop": SHOP, "phone": PHONE}, parts=2)
    assert sorted(len(trades) for trades in learnt) == [1, 1]
    assert (SHOP in learnt[0]) != (SHOP in learnt[1])
    assert {record["trade"] for record in records} == {"shop", "phone"}
    assert (mean["trade"], mean["intents"], mean["with_adapter"], mean["wins"]) == ("mean", 6, 0.5, 0)


def test_accuracy_is_of_messages_not_learnt(encoder: Any, intent_adapter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intent_adapter, "SHOTS", 4)
    assert intent_adapter._accuracy(encoder, SHOP, None) in {0.0, 0.3333, 0.6667, 1.0}
