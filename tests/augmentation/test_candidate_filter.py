"""What the filter keeps and why it drops the rest, with the packaged encoder."""

import pytest

from rasa_llm_components.augmentation.candidate_filter import CandidateFilter
from rasa_llm_components.augmentation.prompt import ParaphrasePrompt

PROMPT = ParaphrasePrompt.from_file().text
VERDICTS = [
    ("where has my package got to", "kept"),
    ("Where is my parcel", "repeated"),
    ("so where is my parcel?", "repeated"),
    ("Could you check on my shipment, please?", "prompt"),
    ("One message a line, nothing else.", "prompt"),
    ("où est mon colis, il est en retard", "language"),
    ("我的包裹在哪里", "language"),
    ("where is my parcel, " * 8, "length"),
    ("has order WW99999 been sent?", "entities"),
    ("are you open when my parcel arrives, and until when?", "other intent"),
    ("has my package left", "information"),
]


@pytest.fixture
def judge(examples, encoder):
    return CandidateFilter(examples, encoder, prompt=PROMPT).judge


@pytest.mark.parametrize(("text", "verdict"), VERDICTS)
def test_verdict(judge, text, verdict):
    assert [one.verdict for one in judge("order_status", [text])] == [verdict]


def test_a_kept_message_counts_as_an_example_for_the_next(judge):
    verdicts = judge("order_status", ["where has my package got to", "Where has my package got to?"])
    assert [one.verdict for one in verdicts] == ["kept", "repeated"]


def test_what_an_earlier_run_made_is_not_kept_again(examples, encoder):
    candidate_filter = CandidateFilter(examples, encoder, prompt=PROMPT)
    candidate_filter.take(["where has my package got to"])
    assert candidate_filter.judge("order_status", ["where has my package got to?"])[0].verdict == "repeated"


def test_marks_of_examples_are_in_what_is_kept(judge):
    assert (
        judge("order_status", ["please tell me if ww10007 is on its way"])[0].text.count("[ww10007](order_number)") == 1
    )


def test_bits_say_which_messages_belong_to_the_intent(judge):
    near, far = judge("opening_hours", ["what are your business hours?", "purple elephants dance in the moonlight"])
    assert near.kept
    assert near.bits > 1 > far.bits  # an intent chosen blindly of three is worth 1.58 bits


def test_a_line_of_what_was_asked_is_no_message(judge):
    asked = "Topic: my package\nMessages:\n- where is my parcel?"
    assert [one.verdict for one in judge("order_status", ["Topic: my package"], asked=asked)] == ["prompt"]
