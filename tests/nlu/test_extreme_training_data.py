"""Training data at the edges: an intent with a single example, and five hundred intents."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from .conftest import CLASSIFIER, FEATURIZER, SHOP, Bot

VERBS = (
    "activate archive block book buy cancel compare copy download explain extend find insure lose postpone print rate"
    " rename repair sell share translate verify wash weigh"
)
NOUNS = (
    "account appointment bicycle camera card certificate course flight hotel invoice licence meal membership parcel"
    " password phone photo playlist report table"
)


@pytest.mark.parametrize("finetune", [False, {"epochs": 2}])
def test_an_intent_with_one_example_is_understood_and_named_in_the_log(
    trained: Callable[..., Bot], caplog: pytest.LogCaptureFixture, finetune: Any
) -> None:
    with caplog.at_level(logging.WARNING):
        bot = trained(
            [FEATURIZER, {**CLASSIFIER, "finetune": finetune}], {**SHOP, "opening_hours": ["when are you open"]}
        )
    assert bot.intent("what time do you open?") == "opening_hours"
    assert bot.intent("track my parcel") == "order_status"
    assert "one example only, which cannot be measured: opening_hours" in caplog.text


def test_five_hundred_intents_are_told_apart(trained: Callable[..., Bot]) -> None:
    pairs = list(product(VERBS.split(), NOUNS.split()))
    examples = {f"{verb}_{noun}": [f"I want to {verb} the {noun}", f"please {verb} my {noun}"] for verb, noun in pairs}
    assert len(examples) == 500
    bot = trained([FEATURIZER, {**CLASSIFIER, "finetune": False}], examples)
    asked = pairs[::9]
    right = [bot.intent(f"could you {verb} a {noun}?") == f"{verb}_{noun}" for verb, noun in asked]
    assert sum(right) / len(right) > 0.9
    assert len(bot.parse("rename the playlist")["intent_ranking"]) == 500
