"""Messages that want several things, and those that only look so."""

import pytest

from rasa_llm_components.nlu.message_parts import message_parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("cancel my order and tell me when the money is back", ["cancel my order", "tell me when the money is back"]),
        ("Where is my parcel? I also want an invoice.", ["Where is my parcel?", "I also want an invoice"]),
        ("hello, and then I would like to pay", ["hello, and then I would like to pay"]),
        ("change my address; send it on Monday", ["change my address", "send it on Monday"]),
        ("取消我的订单，然后告诉我什么时候退款", ["取消我的订单", "告诉我什么时候退款"]),
        ("where is it", ["where is it"]),
        ("milk and honey", ["milk and honey"]),
        ("and", ["and"]),
        ("", [""]),
        ("  \n ", ["  \n "]),
    ],
)
def test_parts(text: str, parts: list[str]) -> None:
    assert message_parts(text) == parts
