"""What the encoder reads, as a table, and the way back to the customer's own characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rasa_llm_components.models.normalisation import normalise


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where is my order?", "Where is my order?"),
        ("  two\t spaces \n here ", "two spaces here"),
        ("ｆｕｌｌ ｗｉｄｔｈ １２３", "full width 123"),
        ("zero\u200bwidth\ufeff and\u202e control\x00\x07", "zerowidth and control"),
        ("cafe\u0301", "café"),
        ("soooooooo cool!!!!!!!!!", "sooo cool!!!"),
        ("order 100000000", "order 100000000"),
        ("№ 5", "No 5"),
        ("你好，  我的订单", "你好, 我的订单"),
        ("", ""),
        ("\x00\u200b", ""),
    ],
)
def test_normalised(text: str, expected: str) -> None:
    assert normalise(text).text == expected


def test_spans_lead_back_to_the_customers_characters() -> None:
    text = "Hi\u200b  ｎｕｍｂｅｒ №５"
    cleaned = normalise(text)
    start = cleaned.text.index("number")
    first, last = cleaned.span_of(start, start + len("number"))
    assert text[first:last] == "ｎｕｍｂｅｒ"
    first, last = cleaned.span_of(len(cleaned.text) - 1, len(cleaned.text))
    assert text[first:last] == "５"


@given(st.text(max_size=60))
def test_every_character_has_a_source_inside_the_text(text: str) -> None:
    cleaned = normalise(text)
    assert len(cleaned.sources) == len(cleaned.text)
    assert all(0 <= source < len(text) for source in cleaned.sources)
    assert list(cleaned.sources) == sorted(cleaned.sources)
