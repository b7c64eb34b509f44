"""What customers ask, and what the knowledge pages must answer: search and quotation only, nothing is generated."""

from __future__ import annotations

import pytest

from rasa_llm_components.knowledge import KnowledgeBase
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.nlg.answerer import Answerer
from tests.example_bot.conftest import BOT

QUESTIONS = """
What payment methods do you accept? | Visa, PayPal
can I pay with paypal? | Visa, PayPal
when do you charge my card? | when the parcel leaves us
my card was declined, what can I do? | open your bank's app
Do you do Klarna or instalments? | We do not offer instalments
Can I pay cash on delivery? | no cash on delivery
Can I pay by bank transfer? | Private customers cannot pay by invoice or bank transfer
do your prices include VAT? | include Irish VAT
how can I send something back? | To send back something, hello@willowandwren.example
How long do I have to return something? | 30 days
What is the deadline for returns? | 30 days
who pays for the return postage? | free within Ireland, you pay the return postage yourself
when do I get my money back? | within 5 working days
do you refund the delivery costs? | if you return the whole order
can I return earrings? | earrings whose seal is broken cannot come back
can I return an engraved necklace? | only be returned
can I return a personalised gift? | only be returned if they are faulty | companies
how many days do I have to send it back? | 30 days
Can I exchange a scarf for another colour? | do not exchange | embroider
is gift wrapping free? | not free, €3.50
Can you write a card for me? | by hand
what does a greeting card cost? | €1.50
can you wrap the hamper? | too large for our boxes
will the price be on the packing slip? | holds no prices
how long is the warranty? | two years | six years
does the warranty cover a broken mug? | does not cover
who pays postage for a warranty repair? | We pay the postage
are the products guaranteed? | two years
how do I clean silver? | the cloth that comes in the box | swimming pool
Can the mug go in the dishwasher? | Harbour Mug may go into the dishwasher
can I put the scarf into the washing machine? | by hand, not in the washing machine
do you engrave? | we engrave silver jewellery | cannot
How much does engraving cost? | €6
how many letters can you embroider? | 12 characters
how long does engraving take? | 3 working days longer
how much is shipping to germany? | Germany, €9.95 | €19.95
How much is delivery to the US? | United States, €19.95 | €14.95
postage to England? | €7.95 | €9.95
what does delivery to Switzerland cost? | €14.95
is delivery free in Ireland? | free from an order value of €50
do you deliver to Australia? | We do not deliver to Australia
do you ship to Norway? | Norway
do you send parcels to Canada? | Canada
how long does delivery to France take? | 3 to 5 working days
How long does shipping to America take? | 7 to 12 working days
when will my order be sent? | before 13:00
do you deliver on Sundays? | not delivered on Sundays
when do I have to order for Christmas? | 20 December within Ireland
Can I choose the delivery date? | later delivery week
can I pick up my order in the shop? | You can collect your order
Which carrier do you use? | An Post, DHL
Can I send presents to several addresses? | one order for each
do I pay duty in the United States? | DHL collects it
are there import taxes for the UK? | up to £135 to the United Kingdom
where is my tracking number? | e-mail with its tracking number
what happens if I'm not at home? | leaves a card
my package is lost | send everything again
a cup was broken when I opened the box | take a photograph
how do I cancel my order? | You can cancel an order
can I add something to my order? | cannot add
I made a mistake in the address | correct a mistake
how long is a gift card valid? | five years
I lost my gift card | write to us with the order number
why is my discount code rejected? | expired, below the value
can I use two voucher codes together? | one code per order
do you have a student discount? | no student discount
how many points do I get in the Nest Club? | one point for every full euro
where can I use my points? | in the basket
do my points expire? | 24 months
what are your opening hours? | from 9:30 to 18:00
are you open on Sundays? | On Sundays we are closed
where is your shop? | 14 Quay Lane
what's your phone number? | +353 91 555 014
how do I make a complaint? | what went wrong
is your jewellery nickel free? | free of nickel
are there nuts in the chocolate? | Dark Chocolate Box, traces of nuts
do you test on animals? | none is tested on animals
is your wrapping paper recyclable? | recyclable
do you sell my data? | We do not sell data
who gets my address? | the carrier gets your name, address
do you give discounts for companies? | 8 per cent from 10 pieces
what would be a good gift for a baby? | Barnaby the Teddy
what do you have under 15 euros? | Under €15
may I cancel the contract without a reason? | within 14 days
"""
"""A question | what its answer must hold, with commas between | what it must not hold."""

NOT_ON_THE_PAGES = [
    "who won the world cup?",
    "can you recommend a restaurant in Dublin?",
    "what is the capital of Peru?",
    "do you repair bicycles?",
    "how do I bake bread?",
    "write me a poem about the sea",
]


def rows() -> list[tuple[str, list[str], list[str]]]:
    made = []
    for line in QUESTIONS.strip().splitlines():
        question, wanted, unwanted = (*line.split(" | "), "")[:3]
        made.append((question, wanted.split(", "), [unwanted] if unwanted else []))
    return made


@pytest.fixture(scope="module")
def answerer(pytestconfig: pytest.Config) -> Answerer:
    encoder = shared_encoder({})
    kept = pytestconfig.cache.mkdir("knowledge_of_the_example_bot")  # only changed sentences are embedded again
    return Answerer(KnowledgeBase.from_folder(BOT / "knowledge", encoder, cache_folder=kept), None, encoder)


@pytest.mark.parametrize(("question", "wanted", "unwanted"), rows(), ids=[row[0] for row in rows()])
def test_the_pages_answer(answerer, question, wanted, unwanted):
    reply = answerer.answer(question).text
    assert all(text in reply for text in wanted), reply
    assert not any(text in reply for text in unwanted), reply


@pytest.mark.parametrize("question", NOT_ON_THE_PAGES)
def test_what_the_pages_do_not_know_is_not_answered(answerer, question):
    assert answerer.answer(question).how == "declined"
