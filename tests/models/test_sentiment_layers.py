"""Sentiment's own layers as a file, and the encoders they fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.sentiment_layers import SentimentLayers, SentimentTuning, shipped_tuning
from rasa_llm_components.models.sentiment_model import SentimentModel
from rasa_llm_components.models.shipped import PROBE, shipped_files, shipped_fingerprint
from rasa_llm_components.models.stand_ins import StandInEncoder

TEXTS = ["the vase came in a thousand pieces", "thank you so much", "where is my order?", "ok"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    found = shared_encoder({})
    assert isinstance(found, Encoder)
    return found


@pytest.fixture(scope="module")
def tuning(encoder: Encoder) -> SentimentTuning:
    found = shipped_tuning(encoder, encoder.encode([PROBE])[0])
    assert found is not None
    return found


def test_what_ships_is_a_small_file_of_two_layers(tuning: SentimentTuning) -> None:
    assert tuning.layers == 2
    assert sum(file.stat().st_size for file in shipped_files("sentiment_layers")) < 1_000_000


@pytest.mark.parametrize(
    ("fingerprint", "change", "fits"),
    [
        ("", lambda probe: probe, True),
        ("the same weights in another file", lambda probe: probe + 0.001, True),
        ("another encoder", lambda probe: np.roll(probe, 1), False),
        ("another size", lambda probe: np.ones(768), False),
    ],
)
def test_layers_are_found_for_their_encoder(tuning: SentimentTuning, fingerprint: str, change, fits: bool) -> None:
    assert tuning.fits(fingerprint, change(tuning.probe)) == fits
    assert tuning.fits(tuning.encoder, np.zeros(1))


def test_an_encoder_without_layers_takes_the_head(encoder: Encoder) -> None:
    class Elsewhere:
        """The same weights behind a server: vectors, no layers."""

        fingerprint, dimension, encode = "endpoint", encoder.dimension, staticmethod(encoder.encode)

    found = SentimentModel.shipped(Elsewhere(), own_layers=True)  # type: ignore[arg-type]
    assert found is not None
    assert not found.has_layers
    assert SentimentModel.shipped(StandInEncoder(), own_layers=True) is None


def test_layers_are_not_set_on_an_encoder_that_runs_elsewhere(encoder: Encoder, tmp_path: Path) -> None:
    model = SentimentModel.shipped(encoder, own_layers=True)
    assert model is not None
    with pytest.raises(ConfigurationError, match=r"`own_layers: True`: .*does not run in this process\. .*rasa train"):
        model.read_with(StandInEncoder(), tmp_path)


def test_saved_layers_say_exactly_the_same(encoder: Encoder, tuning: SentimentTuning, tmp_path: Path) -> None:
    tuning.save_pretrained(tmp_path / "layers.npz")
    loaded = SentimentTuning.from_pretrained(tmp_path / "layers.npz")
    one, other = SentimentLayers(encoder, tuning), SentimentLayers(encoder, loaded)
    assert np.array_equal(one.logits(TEXTS), other.logits(TEXTS))


def test_the_encoder_itself_stays_as_it_is(encoder: Encoder, tuning: SentimentTuning) -> None:
    weights = encoder.model.encoder.layer[-1].output.dense.weight
    before = weights.clone()
    SentimentLayers(encoder, tuning)
    assert bool((weights == before).all())


def test_a_file_that_holds_no_whole_layers_is_a_value_error(tuning: SentimentTuning, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole.npz", tmp_path / "broken.npz"
    tuning.save_pretrained(whole)
    broken.write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(ValueError, match="no whole"):
        SentimentTuning.from_pretrained(broken)
    np.savez(broken, labels=np.array(["good", "bad"]))
    with pytest.raises(ValueError, match="negative, neutral, positive"):
        SentimentTuning.from_pretrained(broken)
    with np.load(whole) as stored:
        np.savez(broken, **{name: stored[name] for name in stored.files if name != "output"})
    with pytest.raises(ValueError, match="no whole sentiment layers"):
        SentimentTuning.from_pretrained(broken)


@pytest.mark.parametrize("kind", ["sentiment", "sentiment_layers"])
def test_the_fingerprint_covers_heads_and_layers(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("rasa_llm_components.models.shipped._SHIPPED", tmp_path)
    before = shipped_fingerprint("sentiment*")
    (tmp_path / f"new.{kind}.npz").write_bytes(b"other weights")
    assert shipped_fingerprint("sentiment*") != before
