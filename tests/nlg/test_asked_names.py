"""Countries and things of a question: what speaks of another one is no answer to it."""

import pytest

from rasa_llm_components.knowledge import KnowledgeBase, Passage
from rasa_llm_components.knowledge.sentences import split_sentences
from rasa_llm_components.models.stand_ins import StandInTextGenerator
from rasa_llm_components.nlg.answerer import Answerer
from rasa_llm_components.nlg.asked_names import AskedNames
from rasa_llm_components.nlg.checks.countries import countries, covers
from rasa_llm_components.nlg.settings import Settings
from rasa_llm_components.nlg.turn import Turn

PRICES = (
    "Delivery to France and Spain costs €9.95. Delivery to all other countries of the European Union costs €12.95. "
    "Delivery to Switzerland costs €14.95, because the parcel goes through customs."
)
MUGS = "The Harbour Mug may go into the dishwasher. The Name Mug is printed with a name of up to 10 characters."


def passage_of(text, title, headings=()):
    return Passage(text, title, headings, "", f"{title}.md", split_sentences(text))


@pytest.fixture(scope="module")
def shop(encoder):
    return KnowledgeBase.from_passages([passage_of(PRICES, "Delivery"), passage_of(MUGS, "Mugs")], encoder)


@pytest.fixture
def ask(shop, encoder):
    def asked(question, history=(), reply=None):
        generator = StandInTextGenerator(lambda messages: reply) if reply else None
        return Answerer(shop, generator, encoder, Settings()).answer(question, history)

    return asked


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("how much is delivery to norway?", {"norway"}),
        ("A parcel to the UK and to Northern Ireland", {"great britain", "northern ireland"}),
        ("dutch tulips", {"netherlands"}),
        ("Names on china", set()),
        ("do you ship to china?", {"china"}),
        ("write to us, they told me", set()),
        ("从英国到印度尼西亚", {"great britain", "indonesia"}),
    ],
)
def test_countries(text, found):
    assert countries(text) == found


@pytest.mark.parametrize(
    ("text", "country", "covered"),
    [
        ("all other countries of the European Union", "poland", True),
        ("free within the EU", "france", True),
        ("free within the EU", "norway", False),
        ("From other countries you pay the postage yourself.", "japan", True),
        ("We deliver worldwide.", "japan", True),
        ("Delivery to Spain costs €9.95.", "france", False),
    ],
)
def test_groups_of_countries(text, country, covered):
    assert covers(text, country) is covered


@pytest.mark.parametrize(
    "question",
    [
        "What does delivery to Norway cost?",
        "how much is delivery to norway?",
        "I live in Norway. How much would delivery be?",
        "Norwegian customer here, what is the delivery price?",
        "delivery cost Norway",
        "What is the price of delivery to Japan?",
    ],
)
def test_price_of_another_country_is_never_the_answer(ask, question):
    answer = ask(question)
    assert "Switzerland" not in answer.text
    assert "France" not in answer.text
    assert "European" not in answer.text


@pytest.mark.parametrize(
    ("question", "price"),
    [
        ("What does delivery to France cost?", "9.95"),
        ("how much is delivery to spain?", "9.95"),
        ("What does delivery to Poland cost?", "12.95"),
        ("What does delivery to Switzerland cost?", "14.95"),
        ("I live in Poland and send a present to Switzerland. What does delivery cost?", "14.95"),
    ],
)
def test_price_of_the_asked_country_is_quoted(ask, question, price):
    assert price in ask(question).text


def test_a_sentence_on_the_country_itself_comes_before_one_on_all_others(shop, encoder):
    answer = Answerer(shop, None, encoder, Settings(quote_sentences=1)).answer("What does delivery to France cost?")
    assert "9.95" in answer.text
    assert "12.95" not in answer.text


def test_what_is_asked_now_counts_not_what_was_asked_before(ask):
    before = [Turn("What does delivery to Switzerland cost?", by_customer=True)]
    assert "14.95" not in ask("And to Norway?", before).text
    assert "9.95" in ask("And to France?", before).text


def test_generated_reply_on_another_country_is_not_sent(ask):
    answer = ask("What does delivery to Switzerland cost?", reply="Delivery to France and Spain costs €9.95.")
    assert "asked names" in [check.name for check in answer.checks if not check.passed]
    assert "14.95" in answer.text


@pytest.mark.parametrize("question", ["May the Name Mug go into the dishwasher?", "is the name mug dishwasher safe?"])
def test_what_holds_for_one_mug_is_not_said_of_another(ask, question):
    assert "Harbour" not in ask(question).text


@pytest.mark.parametrize(
    ("question", "text", "missed"),
    [
        ("Do you deliver to Sweden?", "We deliver to Austria, Switzerland and Norway.", ""),
        ("What does delivery to Sweden cost?", "We deliver to Austria, Switzerland and Norway.", "sweden"),
        ("What does delivery to Norway cost?", "Delivery within the EU is free.", "norway"),
        ("What does delivery to Sweden cost?", "Delivery within the EU is free.", ""),
        ("Do you deliver to Sweden?", "Delivery to Austria and Norway costs 18 €.", "sweden"),
        ("Can I send a present from Germany to Norway?", "Delivery to Norway costs 18 €.", ""),
        ("I live in Germany. Do prices include VAT?", "All prices include Irish VAT.", ""),
        ("How long is the warranty in Germany?", "The warranty is two years.", ""),
        ("How do I return the Harbour Mug?", "The Name Mug cannot be returned.", "harbour mug"),
        ("How do I return the Harbour Mug?", "The Silk Scarf cannot be returned.", ""),
        ("How do I return a mug?", "The Name Mug cannot be returned.", ""),
        ("挪威的运费是多少？", "法国的运费是十欧元。", "norway"),
        ("挪威的运费是多少？", "其他国家的运费是二十欧元。", ""),
    ],
)
def test_missed_names(question, text, missed):
    names = AskedNames([passage_of(f"{MUGS} We also sell the Silk Scarf.", "Shop")])
    assert names.missed([question], text) == missed


def test_a_heading_says_what_the_text_is_about():
    names = AskedNames([])
    assert names.missed(["Delivery to Norway?"], "It costs more than to France.", "Delivery > Norway") == ""


def test_several_mugs_are_mugs():
    names = AskedNames([passage_of(f"{MUGS} Nobody sells so many Name Mugs as we do.", "Shop")])
    assert names.missed(["How do I wash the Name Mug?"], "Wash Name Mugs by hand, other than a Harbour Mug.") == ""


@pytest.mark.parametrize("start", ["To", "By", "After", "Before", "At", "Without", "Both", "Please", "Until", "When"])
def test_first_word_of_a_sentence_is_no_part_of_a_name(start):
    names = AskedNames([passage_of(f"{MUGS} {start} Name Mug and pen we add a box.", "Shop")])
    assert names.missed(["How do I wash the Name Mug?"], f"{start} Name Mug washing, dry it.") == ""


@pytest.mark.parametrize(
    ("question", "headings", "text", "missed"),
    [
        ("How do I wash the Name Mug?", "Harbour Mug and Name Mug", "No more than a Tall Mug may go there.", ""),
        ("How do I wash the Tall Mug?", "Harbour Mug and Name Mug", "A Name Mug may go there.", "tall mug"),
        ("What is the Wool Scarf made of?", "Wool Scarf", "It has less silk than the Galway Wool Scarf.", ""),
        ("What is the Wool Scarf made of?", "Scarves", "The Galway Wool Scarf is made of wool.", "wool scarf"),
        ("What does delivery to the United States cost?", "United States and Canada", "Delivery costs €19.95.", ""),
    ],
)
def test_things_of_headings_and_of_the_text_are_looked_for_apart(question, headings, text, missed):
    things = "The Harbour Mug and Name Mug are blue. A Tall Mug is red. The Wool Scarf is not the Galway Wool Scarf."
    names = AskedNames([passage_of(f"{MUGS} {things} To the United States and Canada it is €19.95.", "Shop")])
    assert names.missed([question], text, headings) == missed


def test_countries_are_no_things():
    names = AskedNames([passage_of("We send to the United States. Two Member States have asked us to.", "Delivery")])
    assert names.missed(["Who pays duty in the United States?"], "In the Member States duty is paid.") == ""
