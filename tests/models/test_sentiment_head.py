"""How the shipped head hears customers, and how a bot's own labels change it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.sentiment_head import LABELS, PROBE, SentimentHead, check_label, shipped_head

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


@pytest.mark.parametrize(("expected", "texts"), CUSTOMERS.items())
def test_customers_of_a_shop_are_heard_as_they_mean_it(
    head: SentimentHead, encoder: SentenceEncoder, expected: str, texts: list[str]
) -> None:
    wrong = [(text, label) for text, label in zip(texts, labels_of(head, encoder, texts)) if label != expected]
    assert len(wrong) <= len(texts) // 10, wrong


def test_no_thanks_is_heard_as_anger_and_no_anger_as_thanks(head: SentimentHead, encoder: SentenceEncoder) -> None:
    assert "positive" not in labels_of(head, encoder, CUSTOMERS["negative"])
    assert "negative" not in labels_of(head, encoder, CUSTOMERS["positive"])


def test_hardly_a_question_or_request_is_heard_as_anger(head: SentimentHead, encoder: SentenceEncoder) -> None:
    assert labels_of(head, encoder, CUSTOMERS["neutral"]).count("negative") <= 1


def test_own_labels_change_their_like_and_leave_the_rest(head: SentimentHead, encoder: SentenceEncoder) -> None:
    own = [
        "the ETA slipped again",
        "ETA moved once more",
        "another ETA change",
        "the ETA is later again",
    ]
    alike, others = "and again a later ETA", [text for texts in CUSTOMERS.values() for text in texts]
    before = labels_of(head, encoder, others)
    new = "positive"  # against all sense, so that only the labels can be the reason
    assert labels_of(head, encoder, [alike]) != [new]
    adapted = head.adapted(encoder.encode(own), [new] * len(own), strength=10.0)
    assert labels_of(adapted, encoder, [alike]) == [new]
    assert labels_of(adapted, encoder, others) == before


def test_a_hundred_labels_of_one_kind_do_not_make_it_likelier_everywhere(
    head: SentimentHead, encoder: SentenceEncoder
) -> None:
    own = [f"invoice {number} shows the wrong VAT rate" for number in range(100)]
    others = [text for texts in CUSTOMERS.values() for text in texts]
    adapted = head.adapted(encoder.encode(own), ["negative"] * 100, strength=10.0)
    assert labels_of(adapted, encoder, ["invoice 5012 has a wrong VAT rate"]) == ["negative"]
    assert labels_of(adapted, encoder, others) == labels_of(head, encoder, others)


def test_labels_that_contradict_each_other_meet_in_the_middle(head: SentimentHead, encoder: SentenceEncoder) -> None:
    own = encoder.encode(["the ETA slipped again"] * 2)
    adapted = head.adapted(own, ["negative", "positive"], strength=10.0)
    negative, _, positive = adapted.predict_proba(own[:1])[0]
    assert negative == pytest.approx(positive, abs=0.1)


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
    vectors = encoder.encode(CUSTOMERS["negative"])
    adapted = head.adapted(vectors[:3], ["neutral"] * 3, strength=10.0)
    adapted.save_pretrained(tmp_path / "head.npz")
    loaded = SentimentHead.from_pretrained(tmp_path / "head.npz")
    assert loaded.predict_proba(vectors) == pytest.approx(adapted.predict_proba(vectors), abs=0.01)
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
