"""How what ships hears customers, layers and head, and how a bot's own labels change it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.sentiment_head import LABELS
from rasa_llm_components.models.sentiment_model import SentimentModel

# None of these stands in the data the head was trained on.
CUSTOMERS = {
    "negative": [
        "my parcel never arrived and nobody answers",
        "I've been on hold for fifty minutes, what kind of support is this",
        "the vase came in a thousand pieces",
        "this is the third wrong delivery, I'm losing my patience",
        "you people are incompetent",
        "I am really disappointed, the quality is shocking",
        "your app is a nightmare",
        "I'll never buy from you again",
        "that's a lie, you told me it would be here on Tuesday",
        "why do you keep ignoring my messages?",
        "the zip broke the first time I wore the coat",
        "what a horrible experience",
        "you ruined Christmas for my kids",
        "give me my money back, you crooks",
        "I'm sick of talking to a machine",
        "no, that is completely wrong, you don't listen",
    ],
    "neutral": [
        "where is my order?",
        "I want to return this",
        "can I change the delivery address of order 20931?",
        "do you ship to Portugal?",
        "hi",
        "I'd like to talk to a human being",
        "how do I get a refund?",
        "what is your returns policy?",
        "please cancel order 88123",
        "my order number is 4471",
        "jane.smith@example.com",
        "is the blue one in stock?",
        "I bought a scarf two days ago",
        "what time do you close on Saturdays?",
        "can I pay with PayPal?",
        "which gifts do you have for a ten year old?",
        "no, the other one",
        "yes, that is right",
        "does the guarantee cover water damage?",
        "how long does shipping take to Finland?",
        "I need a receipt for my tax return",
        "who do I contact about a missing item?",
        "why was the emperor killed by his own guards?",
    ],
    "positive": [
        "thank you so much",
        "that was quick, thanks a lot!",
        "I adore my new earrings",
        "you have been extremely helpful",
        "the gift wrapping looked gorgeous, my mum was thrilled",
        "brilliant, that solved it",
        "best customer service I have ever had",
        "yay, it's here and it's beautiful",
        "I'm really happy with my purchase",
        "great, thank you",
    ],
}


OTHERS = [text for texts in CUSTOMERS.values() for text in texts]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return shared_encoder({})


@pytest.fixture(scope="module", params=[True, False], ids=["layers", "head"])
def model(request: pytest.FixtureRequest, encoder: SentenceEncoder) -> SentimentModel:
    found = SentimentModel.shipped(encoder, own_layers=request.param)
    assert found is not None
    assert found.has_layers == request.param
    return found


def labels_of(model: SentimentModel, encoder: SentenceEncoder, texts: list[str]) -> list[str]:
    return [LABELS[row] for row in model.predict_proba(texts, encoder.encode(texts)).argmax(axis=1)]


def with_labels(model: SentimentModel, encoder: SentenceEncoder, texts: list[str], labels: list[str]) -> SentimentModel:
    return model.adapted(texts, encoder.encode(texts), labels, strength=10.0)


@pytest.mark.parametrize(("expected", "texts"), CUSTOMERS.items())
def test_customers_of_a_shop_are_heard_as_they_mean_it(
    model: SentimentModel, encoder: SentenceEncoder, expected: str, texts: list[str]
) -> None:
    wrong = [(text, label) for text, label in zip(texts, labels_of(model, encoder, texts)) if label != expected]
    assert len(wrong) <= len(texts) // 10, wrong


def test_no_thanks_is_heard_as_anger_and_no_anger_as_thanks(model: SentimentModel, encoder: SentenceEncoder) -> None:
    assert "positive" not in labels_of(model, encoder, CUSTOMERS["negative"])
    assert "negative" not in labels_of(model, encoder, CUSTOMERS["positive"])


def test_hardly_a_question_or_request_is_heard_as_anger(model: SentimentModel, encoder: SentenceEncoder) -> None:
    assert labels_of(model, encoder, CUSTOMERS["neutral"]).count("negative") <= 1


# What a sentence vector alone does not tell: word order, and what a "not" belongs to.
HARD = [
    ("the mug is not bad at all", "positive"),
    ("it is not good", "negative"),
    ("I do not like it", "negative"),
    ("there is nothing wrong with it, it works great", "positive"),
    ("the screen is fine but the sound is terrible, what a waste of money", "negative"),
    ("I can't recommend this enough", "positive"),
    ("no complaints, I love it", "positive"),
    ("too bad, it stopped working after a week", "negative"),
    ("it fails to impress", "negative"),
    ("never had a better phone", "positive"),
]


def test_layers_hear_what_a_sentence_vector_does_not_tell(encoder: SentenceEncoder) -> None:
    texts, expected = [text for text, _ in HARD], [label for _, label in HARD]
    right = {}
    for own_layers in (True, False):
        model = SentimentModel.shipped(encoder, own_layers=own_layers)
        assert model is not None
        right[own_layers] = sum(a == b for a, b in zip(labels_of(model, encoder, texts), expected))
    assert right[True] >= 8
    assert right[True] > right[False]


def test_own_labels_change_their_like_and_leave_the_rest_exactly(
    model: SentimentModel, encoder: SentenceEncoder
) -> None:
    own = ["the ETA slipped again", "ETA moved once more", "another ETA change", "the ETA is later again"]
    alike, new = "and again a later ETA", "positive"  # against all sense, so that only the labels can be the reason
    assert labels_of(model, encoder, [alike]) != [new]
    adapted = with_labels(model, encoder, own, [new] * len(own))
    assert labels_of(adapted, encoder, [alike]) == [new]
    vectors = encoder.encode(OTHERS)
    unlike = [row for row, cosine in enumerate((vectors @ encoder.encode(own).T).max(axis=1)) if cosine < 0.3]
    assert len(unlike) > len(OTHERS) // 2
    before, after = model.predict_proba(OTHERS, vectors), adapted.predict_proba(OTHERS, vectors)
    assert np.array_equal(after[unlike], before[unlike])
    assert labels_of(adapted, encoder, OTHERS) == labels_of(model, encoder, OTHERS)


def test_a_hundred_labels_of_one_kind_do_not_make_it_likelier_everywhere(
    model: SentimentModel, encoder: SentenceEncoder
) -> None:
    own = [f"invoice {number} shows the wrong VAT rate" for number in range(100)]
    adapted = with_labels(model, encoder, own, ["negative"] * 100)
    assert labels_of(adapted, encoder, ["invoice 5012 has a wrong VAT rate"]) == ["negative"]
    assert labels_of(adapted, encoder, OTHERS) == labels_of(model, encoder, OTHERS)


def test_labels_that_contradict_each_other_meet_in_the_middle(model: SentimentModel, encoder: SentenceEncoder) -> None:
    text = "the ETA slipped again"
    adapted = with_labels(model, encoder, [text] * 2, ["negative", "positive"])
    negative, _, positive = adapted.predict_proba([text], encoder.encode([text]))[0]
    assert negative == pytest.approx(positive, abs=0.1)


def test_a_saved_model_says_the_same(model: SentimentModel, encoder: SentenceEncoder, tmp_path: Path) -> None:
    texts = CUSTOMERS["negative"]
    vectors = encoder.encode(texts)
    adapted = with_labels(model, encoder, texts[:3], ["neutral"] * 3)
    adapted.save_pretrained(tmp_path, OTHERS)
    loaded = SentimentModel.from_pretrained(tmp_path, layers=model.has_layers, own=True)
    loaded.read_with(encoder, tmp_path)
    assert loaded.encoder == encoder.fingerprint
    assert loaded.predict_proba(texts, vectors) == pytest.approx(adapted.predict_proba(texts, vectors), abs=0.01)
    assert (tmp_path / "tuned_layers.onnx").exists() == model.has_layers


def test_one_message_through_8_bits_is_heard_as_in_a_batch(encoder: SentenceEncoder, tmp_path: Path) -> None:
    model = SentimentModel.shipped(encoder, own_layers=True)
    assert model is not None
    vectors = encoder.encode(OTHERS)
    batch = model.predict_proba(OTHERS, vectors)
    model.save_pretrained(tmp_path, OTHERS)
    model.read_with(encoder, tmp_path)
    alone = np.concatenate([model.predict_proba([text], vector[None]) for text, vector in zip(OTHERS, vectors)])
    assert np.abs(alone - batch).max() < 0.15
    assert (alone.argmax(axis=1) != batch.argmax(axis=1)).sum() <= 1


@pytest.mark.parametrize("text", ["", "😀", "مرحبا", "word " * 2000], ids=["empty", "emoji", "Arabic", "long"])
@pytest.mark.parametrize("runtime", ["torch", "auto"])
def test_every_text_has_probabilities_alone_and_among_others(runtime: str, text: str) -> None:
    model = SentimentModel.shipped(shared_encoder({"runtime": runtime}), own_layers=True)
    assert model is not None
    vectors = np.zeros((2, 384), np.float32)
    among = model.predict_proba([text, "hello"], vectors)
    assert among.sum(axis=1) == pytest.approx(np.ones(2))
    assert model.predict_proba([text], vectors[:1])[0] == pytest.approx(among[0], abs=0.05)


def test_no_sentences_are_no_rows(model: SentimentModel, encoder: SentenceEncoder) -> None:
    assert model.predict_proba([], np.zeros((0, encoder.dimension))).shape == (0, 3)
