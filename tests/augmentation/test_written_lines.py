"""Messages out of what generators really write."""

import pytest

from rasa_llm_components.augmentation.written_lines import written_lines

REPLIES = [
    ("- where is it?\n- is it sent", ["where is it?", "is it sent"]),
    ('1. Where is it?\n2) "Is it sent?"\n', ["Where is it?", "Is it sent?"]),
    ("Message 1: where is it\n\n***\n消息：在哪里", ["where is it", "在哪里"]),
    ("<think>They want\n- five</think>\n- **where is it**", ["where is it"]),
    ("- is [WW10007](order_number) {sent}", ["is WW10007 (order_number) sent"]),
    ("- 24 hours are over", ["24 hours are over"]),
    ("", []),
]


@pytest.mark.parametrize(("reply", "lines"), REPLIES)
def test_lines(reply, lines):
    assert written_lines(reply) == lines
