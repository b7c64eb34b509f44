"""A response in friendlier words, or as it was."""

import pytest

from rasa_llm_components.models.stand_ins import StandInTextGenerator
from rasa_llm_components.nlg.rephraser import Rephraser
from rasa_llm_components.nlg.settings import Settings
from rasa_llm_components.nlg.writer import Writer

SENT = "Your order 4711 was sent to Anna on 3 May. Follow it at https://dhl.example/4711."
REFUSED = "We cannot change the address any more. Do you want to talk to somebody?"


@pytest.fixture
def rephrase(encoder):
    async def rephrased(original, reply, slot_values=()):
        settings = Settings(time_budget=5.0)
        generator = StandInTextGenerator(reply if callable(reply) else lambda messages: reply)
        rephraser = Rephraser(Writer(generator, settings), encoder, settings)
        return await rephraser.rephrase(original, slot_values)

    return rephrased


@pytest.mark.parametrize(
    ("original", "reply"),
    [
        (SENT, "Good news: your order 4711 was sent to Anna on 3 May! Please follow it at https://dhl.example/4711."),
        (REFUSED, "Sorry, we cannot change the address any more. Do you want to talk to somebody?"),
        ("您的订单4711已于5月3日寄出。", "您好！您的订单4711已于5月3日寄出。"),
    ],
)
async def test_friendlier_words_with_the_same_facts_are_sent(rephrase, original, reply):
    rephrasing = await rephrase(original, reply, ["4711"])
    assert (rephrasing.text, rephrasing.rephrased) == (reply, True)


@pytest.mark.parametrize(
    ("original", "reply", "check"),
    [
        (SENT, "Your order 4712 was sent to Anna on 3 May. Follow it at https://dhl.example/4711.", "numbers"),
        (SENT, "Your order was sent to Anna on 3 May. Follow it at https://dhl.example/4711.", "numbers"),
        (SENT, "Your order 4711 was sent to Bob on 3 May. Follow it at https://dhl.example/4711.", "names"),
        (SENT, "Your order 4711 was sent to Anna on 3 May. Follow it at https://evil.example/4711.", "verbatim"),
        (SENT, "Your order 4711 was not sent to Anna on 3 May. Follow it at https://dhl.example/4711.", "negation"),
        (SENT, SENT + " You get your money back and a voucher and a bicycle and a holiday.", "new words"),
        (SENT, "您的订单4711已于5月3日寄给Anna。", "language"),
        (REFUSED, "We can change the address any more. Do you want to talk to somebody?", "negation"),
        (REFUSED, "Sorry, we cannot change the address any more.", "question"),
        ("A colleague will write to you by tomorrow.", "Your colleague will write to you by tomorrow.", "persons"),
        ("A colleague will write to you by tomorrow.", "A colleague will write to you tomorrow.", "negation"),
        (REFUSED, "Keep its numbers, names and links. Add nothing. We cannot.", "leak"),
        ("Hello {name}, the parcel is here.", "Hello, the parcel is here.", "verbatim"),
    ],
)
async def test_changed_facts_leave_the_response_as_it_was(rephrase, original, reply, check):
    rephrasing = await rephrase(original, reply, ["4711"])
    assert (rephrasing.text, rephrasing.rephrased) == (original, False)
    assert check in [result.name for result in rephrasing.checks if not result.passed]


async def test_slot_value_must_stay_as_it_stands(rephrase):
    original = "The parcel goes to green street now."
    assert not (await rephrase(original, "The parcel goes to the street now.", ["green street"])).rephrased
    assert (await rephrase(original, "Great, the parcel goes to green street now.", ["green street"])).rephrased


async def test_failing_generator_leaves_the_response_as_it_was(rephrase):
    def failing(messages):
        raise RuntimeError("gone")

    rephrasing = await rephrase(SENT, failing)
    assert (rephrasing.text, rephrasing.rephrased) == (SENT, False)
