"""What a generator may not make of a passage: tables of sentences, and which check stops them."""

import pytest

from rasa_llm_components.knowledge.passage import Passage
from rasa_llm_components.nlg.checks import Draft, check_answer
from rasa_llm_components.nlg.checks.nearness_check import check_nearness
from rasa_llm_components.nlg.checks.negation_check import check_meaning
from rasa_llm_components.nlg.checks.numbers_check import check_numbers
from rasa_llm_components.nlg.checks.sources import Source

TRUE = [
    "Parcels within Germany arrive after 2 to 3 working days.",
    "Parcels within Germany arrive after two to three business days.",
    "Delivery to Norway costs 18 €.",
    "Delivery to Norway costs EUR 18.00.",
    "A parcel to Switzerland takes 7 working days.",
    "We do not deliver to post boxes.",
    "Gift wrapping costs 3.50 € for each article.",
    "We refund the price within five days after the parcel has reached our warehouse.",
    "The warranty does not cover damage from water.",
    "You can return an article within 30 days after it has arrived.",
]

FALSE = [
    ("Parcels within Germany arrive after 2 to 4 working days.", "numbers"),
    ("Parcels within Germany arrive after 2 to 3 weeks.", "numbers"),
    ("Parcels within Germany arrive after 2 to 3 days.", "numbers"),
    ("Delivery to Norway costs 9.50 €.", "numbers"),
    ("Delivery to Norway costs 18 $.", "numbers"),
    ("A parcel to Switzerland takes 4 working days.", "numbers"),
    ("A parcel to Austria takes 7 working days.", "numbers"),
    ("Gift wrapping costs 35 € for each article.", "numbers"),
    ("You can return an article within thirty-one days after it has arrived.", "numbers"),
    ("We deliver to Austria, Sweden and Norway.", "names"),
    ("You get a tracking number by e-mail as soon as UPS has collected your parcel.", "names"),
    ("You can return an article within 30 days after it has arrived on Monday.", "names"),
    ("We refund the price, see https://refund.example for it.", "names"),
    ("We deliver to post boxes.", "negation"),
    ("The warranty does cover damage from water.", "negation"),
    ("We do not deliver to Austria, Switzerland and Norway.", "negation"),
    ("Personalised articles, such as engraved mugs, can be returned unless they are damaged.", "negation"),
    ("Personalised articles, such as engraved mugs, cannot be returned.", "meaning"),
    ("You can return an article before it has arrived.", "meaning"),
    ("Sending a parcel back from all countries is free.", "meaning"),
    ("It is free.", "meaning"),
    ("We refund the price within 5 days after the parcel has reached your warehouse.", "persons"),
    ("We pay the postage yourself from other countries.", "persons"),
    ("The delivery is done by friendly elephants within Germany.", "nearness"),
    ("Our shop is the best shop for gifts in the whole world.", "nearness"),
]

CHINESE = [
    ("在中国境内，包裹通常在三到五天内送达。", ""),
    ("包裹通常在三到五天内送达。", ""),
    ("包裹通常在三到六天内送达。", "numbers"),
    ("包裹通常在三到五周内送达。", "numbers"),
    ("在日本境内，包裹通常在三到五天内送达。", "names"),
    ("我们向邮政信箱发货。", "negation"),
    ("订单满300元免运费。", "numbers"),
    ("大象喜欢在河里洗澡和睡觉。", "nearness"),
]


@pytest.fixture(scope="module")
def failed(knowledge, encoder):
    def check(text, question):
        draft = Draft(
            text=text,
            question=question,
            passages=tuple(knowledge.passages),
            instructions="Answer the question with what the text says.",
            encoder=encoder,
            longest=500,
            banned_phrases=(),
            nearness=0.7,
        )
        results, _ = check_answer(draft)
        return {result.name for result in results if not result.passed}

    return check


@pytest.mark.parametrize("sentence", TRUE)
def test_true_sentence_passes_when_its_words_are_the_passages(failed, sentence):
    assert failed(sentence, "Please tell me.") == set()


@pytest.mark.parametrize(("sentence", "check"), FALSE)
def test_false_sentence_is_stopped(failed, sentence, check):
    assert check in failed(sentence, "Please tell me.")


@pytest.mark.parametrize(("sentence", "check"), CHINESE)
def test_chinese_sentences(failed, sentence, check):
    stopped = failed(sentence, "请告诉我。")
    assert check in stopped if check else stopped == set()


def test_one_false_sentence_among_true_ones_stops_the_answer(failed):
    assert "numbers" in failed(f"{TRUE[0]} Delivery to Austria costs 8.50 €.", "Please tell me.")


def test_facts_of_two_passages_do_not_make_a_third(failed):
    assert failed("Gift wrapping costs 3.50 € and takes 10 working days.", "Please tell me.")


@pytest.mark.parametrize(
    ("sentence", "stray"),
    [
        ("Delivery to Switzerland and Norway is 19.95 euros.", "norway"),
        ("Delivery to Norway costs 14.95 euros.", ""),
        ("Delivery to the United States costs €14.95.", "united"),
        ("Delivery costs €14.95 to Norway, and Canada pays €19.95.", ""),
    ],
)
def test_a_price_stays_with_its_country(sentence, stray):
    text = "Delivery to Switzerland and Norway costs €14.95.\nDelivery to the United States and Canada costs €19.95."
    passage = Passage(text, "Delivery", (), "", "delivery.md", tuple(text.split("\n")))
    problem = check_numbers(sentence, Source(text, passage, 1.0))
    assert problem.rpartition(" for ")[2] == stray


@pytest.mark.parametrize(
    ("sentence", "passes"),
    [
        ("Delivery to Norway is free.", False),
        ("Delivery to Norway is free today.", False),
        ("Delivery within Ireland is free today.", False),
        ("Delivery within Ireland is free.", True),
    ],
)
def test_what_is_free_stays_with_its_country(sentence, passes):
    text = "Delivery within Ireland is free.\nDelivery to Switzerland and Norway costs €14.95."
    passage = Passage(text, "Delivery", (), "", "delivery.md", tuple(text.split("\n")))
    assert (check_meaning(sentence, Source(text, passage, 1.0)) == "") is passes


@pytest.mark.parametrize(
    ("sentence", "passes"),
    [
        ("12 characters can be engraved.", True),
        ("12 characters can be engraved with 12 characters.", False),
        ("On silver, silver characters can be engraved.", True),
    ],
)
def test_a_word_comes_no_more_often_than_in_the_source(sentence, passes):
    text = "On silver we can engrave up to 12 characters."
    passage = Passage(text, "Silver", (), "", "silver.md", (text,))
    assert (check_nearness(sentence, Source(text, passage, 1.0), 0.7) == "") is passes
