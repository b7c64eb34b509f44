"""The figures of sentiment are of sentences that were not learnt from, by what ships."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from sentiment import folds, out_of_fold
from sentiment_corpora import Corpora
from sentiment_training import Sentences

from rasa_llm_components.models.registry import shared_encoder


def sentences(texts: list[str], labels: list[int], reviews: list[int] | None = None) -> Sentences:
    groups = np.array(range(len(texts)) if reviews is None else reviews)
    return Sentences(texts, np.eye(3)[labels], np.array(labels), groups=groups)


NUMBERED = [f"sentence {number}" for number in range(60)]
RATED = {
    "amazon": sentences(NUMBERED, [number % 3 for number in range(60)], [number // 6 for number in range(60)]),
    "tweets": sentences(
        ["Sentence  7", "sentence 8", *(f"tweet {number}" for number in range(28))],
        [number % 3 for number in range(30)],
    ),
}


@pytest.mark.parametrize("by_review", [False, True])
def test_no_fold_is_tested_on_words_that_it_learnt(by_review: bool) -> None:
    tested = []
    for train, test in folds(RATED, by_review=by_review):
        learnt = {" ".join(RATED[name].texts[row].lower().split()) for name, rows in train.items() for row in rows}
        asked = [" ".join(RATED[name].texts[row].lower().split()) for name, rows in test.items() for row in rows]
        assert not learnt & set(asked)
        tested += asked
    assert len(tested) == 90


@pytest.mark.parametrize(("by_review", "shared"), [(False, True), (True, False)])
def test_reviews_stay_whole_where_asked(by_review: bool, shared: bool) -> None:
    reviews = RATED["amazon"].groups
    both = [
        set(reviews[train["amazon"]]) & set(reviews[test["amazon"]])
        for train, test in folds(RATED, by_review=by_review)
    ]
    assert any(both) == shared


def test_layers_learn_what_they_are_shown_and_are_measured_as_they_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentiment_corpora.own_sentences", list)
    monkeypatch.setattr("sentiment_layers_training.EPOCHS", 6)
    monkeypatch.setattr("sentiment_layers_training.BATCH", 8)
    moods = {0: "awful broken late useless", 1: "blue large listed usual", 2: "lovely great quick perfect"}
    things = ["mug", "vase", "scarf", "parcel", "clock", "lamp"]
    texts = [f"the {thing} is {word}" for words in moods.values() for word in words.split() for thing in things]
    labels = [label for label, words in moods.items() for _ in words.split() for _ in things]
    rated = {"amazon": sentences(texts, labels), "tweets": sentences(texts[::7], labels[::7])}
    corpora = Corpora(shared_encoder({}), rated)
    everything = {name: np.arange(len(corpus.texts)) for name, corpus in rated.items()}
    found = out_of_fold(
        rated,
        [(everything, everything)],
        lambda train, test: corpora.labels_by_layers(corpora.train_layers(train), test),
    )
    assert (found["amazon"] == labels).mean() > 0.95
