"""The head as a file, and the encoders it fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.sentiment_head import LABELS, SentimentHead, check_label, shipped_head
from rasa_llm_components.models.shipped import PROBE


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return shared_encoder({})


@pytest.fixture(scope="module")
def head(encoder: SentenceEncoder) -> SentimentHead:
    found = shipped_head(encoder.fingerprint, encoder.encode([PROBE])[0])
    assert found is not None
    return found


def labels_of(head: SentimentHead, encoder: SentenceEncoder, texts: list[str]) -> list[str]:
    return [LABELS[row] for row in head.predict_proba(encoder.encode(texts)).argmax(axis=1)]


def test_an_encoder_without_a_head_learns_from_own_labels_alone(encoder: SentenceEncoder) -> None:
    texts = ["this is awful", "that was terrible", "I hate it", "where is it", "when do you open", "what does it cost"]
    labels = ["negative"] * 3 + ["neutral"] * 3
    own = SentimentHead.fit_own(
        encoder.encode(texts), labels, encoder="another", probe=np.ones(encoder.dimension), strength=10.0
    )
    assert labels_of(own, encoder, ["how awful", "how much does it cost"]) == ["negative", "neutral"]
    assert own.predict_proba(encoder.encode(texts))[:, LABELS.index("positive")].max() < 1e-6


def test_the_shipped_head_is_found_for_its_encoder_wherever_that_runs(encoder: SentenceEncoder) -> None:
    probe = encoder.encode([PROBE])[0]
    assert shipped_head("the same weights behind a server", probe + 0.001) is not None
    assert shipped_head("another encoder", np.roll(probe, 1)) is None
    assert shipped_head("another size", np.ones(768)) is None


def test_a_saved_head_says_the_same(head: SentimentHead, encoder: SentenceEncoder, tmp_path: Path) -> None:
    vectors = encoder.encode(["the vase came in a thousand pieces", "thank you so much", "where is my order?"])
    head.save_pretrained(tmp_path / "head.npz")
    loaded = SentimentHead.from_pretrained(tmp_path / "head.npz")
    assert loaded.predict_proba(vectors) == pytest.approx(head.predict_proba(vectors), abs=0.01)
    assert loaded.fits(head.encoder, np.zeros(1))


def test_a_file_that_is_no_head_is_a_value_error(head: SentimentHead, tmp_path: Path) -> None:
    broken = tmp_path / "broken.npz"
    head.save_pretrained(broken)
    broken.write_bytes(broken.read_bytes()[:500])
    with pytest.raises(ValueError, match="no whole"):
        SentimentHead.from_pretrained(broken)
    other = tmp_path / "other.npz"
    np.savez(other, labels=np.array(["good", "bad"]))
    with pytest.raises(ValueError, match="negative, neutral, positive"):
        SentimentHead.from_pretrained(other)


def test_probabilities_add_up(head: SentimentHead) -> None:
    vectors = np.random.default_rng(0).standard_normal((5, head.probe.shape[0]))
    assert replace(head, bias=head.bias + 500).predict_proba(vectors).sum(axis=1) == pytest.approx(np.ones(5))


def test_a_label_that_is_none_of_the_three_is_named() -> None:
    assert check_label("neutral", "x") == "neutral"
    with pytest.raises(ConfigurationError, match=r"`sentiment: angry`.*grr.*negative, neutral, positive"):
        check_label("angry", "grr")
