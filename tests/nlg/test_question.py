"""Which questions lean on the one before them, and what generators put around an answer."""

import pytest

from rasa_llm_components.nlg.cleaning import cleaned
from rasa_llm_components.nlg.question import completed, may_be_a_new_topic
from rasa_llm_components.nlg.turn import Turn

ASKED = "What does delivery to Norway cost?"
BEFORE = [Turn(ASKED, by_customer=True), Turn("18 €.", by_customer=False)]


LEANING = [
    "And how long does that take?",
    "what about Austria?",
    "How long does it take?",
    "To Austria?",
    "Why?",
    "And to Northern Ireland?",
    "How much to Spain?",
    "and express?",
    "And on Sundays?",
    "How long?",
    "Which one?",
    "Until when?",
    "And since when?",
    "What if I live in Spain?",
    "Is it the same for Austria?",
    "Can you?",
    "And how much is express?",
    "Do they deliver on Saturdays?",
    "Can I get one with a name?",
    "Austria?",
    "And gift cards?",
    "and if it is broken?",
    "那要多久呢？",
]

STANDING = [
    "How much does gift wrapping cost?",
    "What is the capital of Peru?",
    "Can I return an engraved mug after thirty days if it is damaged and that is not my fault?",
    "Until when must I order for Christmas?",
    "Since when do you sell candles?",
    "Do you engrave?",
    "do you engrave?",
    "Also, do you engrave?",
    "And can you wrap presents?",
    "and how long does delivery take?",
    "Is it possible to pay with PayPal?",
    "Are there any vouchers?",
    "Is there a shop in Galway?",
    "Are you open this weekend?",
    "Can I use two voucher codes for one order?",
    "When do you open?",
    "Hi there, do you sell candles?",
    "Why does silver tarnish?",
    "This is my first order, is there a discount?",
    "Do you guarantee that my parcel arrives before Christmas?",
    "Do you have same day delivery?",
    "退货的期限是多少天？",
]


@pytest.mark.parametrize("question", LEANING)
def test_question_with_evidence_that_it_goes_on_is_completed(question):
    assert completed(question, BEFORE) == f"{ASKED} {question}"


@pytest.mark.parametrize("question", STANDING)
def test_question_that_stands_alone_is_left_alone(question):
    assert completed(question, BEFORE) == ""


@pytest.mark.parametrize(
    ("question", "may_be"),
    [("Warranty?", True), ("Engraving?", True), ("Austria?", False), ("For mugs?", False), ("And mugs?", False)],
)
def test_a_bare_word_may_be_a_new_topic(question, may_be):
    assert may_be_a_new_topic(question) is may_be


def test_first_question_has_nothing_to_lean_on():
    assert completed("And that?", []) == ""
    assert completed("And that?", [Turn("Hello! We ship to Norway.", by_customer=False)]) == ""


def test_second_follow_up_leans_on_the_last_whole_question():
    history = [*BEFORE, Turn("And to Austria?", by_customer=True), Turn("9.50 €.", by_customer=False)]
    assert completed("How long does that take?", history).startswith(ASKED)


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ('"It is free."', "It is free."),
        ("Yes, it is free.", "It is free."),
        ("No. It is not free.", "It is not free."),
        ("Based on the documents, delivery is free.", "Delivery is free."),
        ("Answer: It is free.", "It is free."),
        ("It is free. It takes two", "It is free."),
        ("It takes two", "It takes two"),
        ("<think>Let me see.</think>It is free.", "It is free."),
        ("是的，包裹三天送达。", "包裹三天送达。"),
        ("Nothing is free.", "Nothing is free."),
        ("Yes.", "Yes."),
    ],
)
def test_cleaning(written, answer):
    assert cleaned(written) == answer
