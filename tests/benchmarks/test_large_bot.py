"""The patterns that very large training data is made from."""

from __future__ import annotations

from collections import Counter


def test_sentences_are_different_ones_and_every_intent_has_its_share() -> None:
    from large_bot import examples

    texts, labels = examples(20_000, 60)
    assert len(set(texts)) == 20_000
    assert set(Counter(labels).values()) == {333, 334}
    assert len(set(examples(500, 500)[1])) == 500


def test_another_size_and_seed_have_the_same_intents_and_other_sentences() -> None:
    from large_bot import examples

    texts, labels = examples(300, 20)
    others, other_labels = examples(200, 20, seed=1)
    assert set(labels) == set(other_labels)
    assert len(set(texts) & set(others)) < 50
