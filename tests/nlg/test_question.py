"""Which questions lean on the one before them, and what generators put around an answer."""

import pytest

from rasa_llm_components.nlg.cleaning import cleaned
from rasa_llm_components.nlg.question import completed
from rasa_llm_components.nlg.turn import Turn

ASKED = "What does delivery to Norway cost?"
BEFORE = [Turn(ASKED, by_customer=True), Turn("18 €.", by_customer=False)]


@pytest.mark.parametrize(
    "question",
    [
        "And how long does that take?",
        "what about Austria?",
        "How long does it take?",
        "To Austria?",
        "Why?",
        "那要多久呢？",
    ],
)
def test_follow_up_is_completed(question):
    assert completed(question, BEFORE) == f"{ASKED} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "How much does gift wrapping cost?",
        "What is the capital of Peru?",
        "Can I return an engraved mug after thirty days if it is damaged and that is not my fault?",
        "退货的期限是多少天？",
    ],
)
def test_question_that_stands_alone_is_left_alone(question):
    assert completed(question, BEFORE) == ""


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
