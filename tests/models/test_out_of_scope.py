"""Scores and threshold of the out-of-scope detector, on clouds of points whose answer is known."""

import numpy as np
import pytest

from rasa_llm_components.models.out_of_scope.detector import OutOfScopeHead
from rasa_llm_components.models.out_of_scope.known_examples import MOST, KnownExamples
from rasa_llm_components.models.out_of_scope.scores import SCORES, generic_sentences

INTENTS, EACH, HIDDEN = 10, 20, 48


def clouds(seed: int, middles: np.ndarray, each: int, spread: float = 0.12) -> np.ndarray:
    points = np.repeat(middles, each, axis=0) + np.random.default_rng(seed).normal(
        0, spread, (len(middles) * each, HIDDEN)
    )
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def world() -> dict[str, np.ndarray]:
    middles = np.random.default_rng(0).normal(size=(INTENTS + 20, HIDDEN))
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    return {
        "train": clouds(1, middles[:INTENTS], EACH),
        "labels": np.repeat([f"intent_{index}" for index in range(INTENTS)], EACH),
        "inside": clouds(2, middles[:INTENTS], EACH),
        "outside": clouds(3, middles[INTENTS : INTENTS + 10], EACH),
        "generic": clouds(4, middles[INTENTS + 10 :], 3),
    }


def fit(world: dict[str, np.ndarray], **options: object) -> OutOfScopeHead:
    return OutOfScopeHead.fit(world["train"], world["labels"].tolist(), world["generic"], **options)


@pytest.mark.parametrize("score", SCORES)
def test_every_score_ranks_known_clouds_above_unknown_ones(world: dict[str, np.ndarray], score: str) -> None:
    head = fit(world, score=score)
    assert head.found.score == score
    assert np.median(head.score(world["inside"])) > np.quantile(head.score(world["outside"]), 0.9)


def test_the_threshold_declines_the_share_that_was_asked_for(world: dict[str, np.ndarray]) -> None:
    declined = {
        rate: float(
            (
                fit(world, false_alarm_rate=rate).score(world["inside"])
                < fit(world, false_alarm_rate=rate).found.threshold
            ).mean()
        )
        for rate in (0.02, 0.2)
    }
    assert declined[0.02] < 0.08 < declined[0.2] < 0.35


def test_what_is_unknown_is_declined_and_more_probable_than_not(world: dict[str, np.ndarray]) -> None:
    head = fit(world)
    assert (head.score(world["outside"]) < head.found.threshold).mean() > 0.9
    below = head.score(world["outside"]) < head.found.threshold
    np.testing.assert_array_equal(head.probability(world["outside"]) > 0.5, below)


def test_the_best_score_on_the_training_data_is_chosen_and_named(world: dict[str, np.ndarray]) -> None:
    found = fit(world).found
    assert set(found.auroc) == set(SCORES)
    assert found.auroc[found.score] == max(found.auroc.values())
    assert found.caught_unknown_intents > 0.5


def test_the_developers_own_examples_count_in_place_of_generic_sentences(world: dict[str, np.ndarray]) -> None:
    hardly_outside = world["inside"][:40]
    assert fit(world, out_of_scope=hardly_outside).found.caught_far < 0.3 < fit(world).found.caught_far


def test_two_fits_are_the_same_and_what_is_stored_says_the_same(world: dict[str, np.ndarray], tmp_path) -> None:
    head, again = fit(world), fit(world)
    assert head.found == again.found
    head.save_pretrained(tmp_path)
    loaded = OutOfScopeHead.from_pretrained(tmp_path)
    assert loaded.found == head.found
    np.testing.assert_allclose(loaded.score(world["inside"]), head.score(world["inside"]), atol=2e-3)


@pytest.mark.parametrize("intents", [2, 3])
def test_few_intents_still_have_a_threshold(world: dict[str, np.ndarray], intents: int) -> None:
    count = intents * EACH
    head = OutOfScopeHead.fit(world["train"][:count], world["labels"][:count].tolist(), world["generic"])
    assert head.found.auroc == {}
    assert (head.score(world["outside"]) < head.found.threshold).mean() > 0.8


def test_one_example_an_intent_declines_nothing(world: dict[str, np.ndarray]) -> None:
    head = OutOfScopeHead.fit(world["train"][::EACH], world["labels"][::EACH].tolist(), world["generic"])
    assert not (head.score(world["outside"]) < head.found.threshold).any()


def test_the_affinity_is_the_mean_of_the_nearest_half() -> None:
    vectors = np.eye(4, dtype=np.float32)
    known = KnownExamples(vectors[[0, 1, 2, 3]], np.array([0, 0, 0, 1]))
    np.testing.assert_allclose(known.affinities(np.array([[0.9, 0.5, 0.1, 0.3]])), [[0.7, 0.3]], atol=1e-6)


def test_of_a_very_large_intent_some_examples_are_kept() -> None:
    targets = np.array([0] * 500 + [1] * 3)
    known = KnownExamples.sampled(np.random.default_rng(0).normal(size=(503, 8)), targets, seed=1)
    assert known.sizes.tolist() == [MOST, 3]


def test_the_generic_sentences_are_different_ones() -> None:
    assert len(set(generic_sentences())) == len(generic_sentences()) > 100
