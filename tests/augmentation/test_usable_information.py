"""Pointwise V-information against its definition, and the thresholds."""

import numpy as np
import pytest

from rasa_llm_components.augmentation.usable_information import UsableInformation
from rasa_llm_components.models.intent_head import IntentHead


def blobs(per_class, spread, seed=0):
    generator = np.random.default_rng(seed)
    centres = np.eye(4, 16)
    vectors = np.vstack([centre + spread * generator.standard_normal((n, 16)) for centre, n in zip(centres, per_class)])
    labels = [f"class {row}" for row, n in enumerate(per_class) for _ in range(n)]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def test_bits_are_those_of_the_definition():
    vectors, labels = blobs((4, 8, 8, 12), 0.3)
    information = UsableInformation.fit(vectors, labels, name_vectors={})
    head, _ = IntentHead.fit(vectors, labels)
    expected = np.log2(head.predict_proba(vectors)[:, 0]) - np.log2(4 / 32)
    assert information.bits(vectors, "class 0") == pytest.approx(expected, abs=1e-5)


def test_clear_intents_have_higher_thresholds_than_muddled_ones():
    clear = UsableInformation.fit(*blobs((10, 10, 10, 10), 0.05), name_vectors={})
    muddled = UsableInformation.fit(*blobs((10, 10, 10, 10), 0.6), name_vectors={})
    assert clear.threshold("class 1") > muddled.threshold("class 1")
    assert 0 < clear.threshold("class 1") <= 2  # four equal classes: two bits is all there is


def test_without_held_out_examples_the_threshold_is_nothing():
    vectors, labels = blobs((1, 1, 1, 1), 0.1)
    assert UsableInformation.fit(vectors, labels, name_vectors={}).threshold("class 2") == 0
