import pytest
from rasa.shared.core.events import ActionExecuted, BotUttered, UserUttered

from rasa_llm_components.channels.replies import (
    clean_text,
    items_from_events,
    replies_to,
    reply_from_message,
    safe_link,
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  hello\r\nthere ", "hello\nthere"),
        ("a\x00b\x1b[31mc\x7f\x85", "ab[31mc"),
        ("\ud800 lone", "lone"),
        ("👩‍👩‍👧 שלום 您好", "👩‍👩‍👧 שלום 您好"),
        ("<b>'; DROP TABLE events;--", "<b>'; DROP TABLE events;--"),
        ("\x01\x02", ""),
    ],
)
def test_control_characters_go_and_everything_else_stays(text, kept):
    assert clean_text(text) == kept


@pytest.mark.parametrize("link", ["https://shop.example/a?b=c#d", "http://shop.example", "mailto:help@shop.example"])
def test_ordinary_links_are_kept(link):
    assert safe_link(link) == link


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "//evil.example",
        "https:",
        "http://[bad",
        "/relative",
        None,
        7,
    ],
)
def test_other_links_are_dropped(link):
    assert safe_link(link) is None


def test_text_and_sources_are_one_reply():
    sources = [
        {"title": "Delivery", "link": "https://shop.example/d"},
        {"title": "Evil", "link": "javascript:x"},
        "odd",
    ]
    event = BotUttered("Two days.", {"custom": {"sources": sources}}, timestamp=12.5)

    assert reply_from_message(event.message()) == {
        "id": "r12.5",
        "text": "Two days.",
        "sources": [{"title": "Delivery", "link": "https://shop.example/d"}, {"title": "Evil"}],
    }


def test_buttons_pictures_files_and_cards():
    image = "https://shop.example/mug.png"
    element = {
        "title": "Mug",
        "subtitle": "12 €",
        "image_url": image,
        "buttons": [{"title": "Take", "payload": "/take"}],
    }
    message = BotUttered(
        "Look:",
        {
            "buttons": [
                {"title": "Yes", "payload": "/affirm"},
                {"title": "Shop", "url": "https://shop.example"},
                {"title": ""},
            ],
            "quick_replies": [{"title": "No"}],
            "image": image,
            "attachment": image,
            "elements": [element],
        },
    ).message()

    reply = reply_from_message(message)

    assert reply["buttons"] == [
        {"title": "Yes", "payload": "/affirm"},
        {"title": "Shop", "url": "https://shop.example"},
        {"title": "No", "payload": "No"},
    ]
    assert reply["image"] == image
    assert "links" not in reply  # Rasa repeats the picture as an attachment
    assert reply["cards"] == [
        {"title": "Mug", "subtitle": "12 €", "image": image, "buttons": [{"title": "Take", "payload": "/take"}]}
    ]


def test_a_file_is_a_link_with_its_name():
    message = BotUttered(None, {"attachment": "https://shop.example/files/form.pdf"}).message()

    assert reply_from_message(message)["links"] == [
        {"title": "form.pdf", "link": "https://shop.example/files/form.pdf"}
    ]


def test_what_a_program_wrote_for_a_program_is_not_shown():
    assert reply_from_message(BotUttered(None, {"custom": {"tracking": {"id": 7}}}).message()) is None


def a_conversation():
    return [
        ActionExecuted("action_session_start"),
        ActionExecuted("action_listen"),
        UserUttered("/track_order", {"name": "track_order"}, message_id="m1", metadata={"shown": "Track my order"}),
        BotUttered("On its way.", timestamp=2.0),
        BotUttered("Anything else?", timestamp=3.0),
        UserUttered.create_external("reminder", []),
        BotUttered("Still there?", timestamp=4.0),
        UserUttered("no", {"name": "deny"}, message_id="m2"),
    ]


def test_history_shows_what_the_customer_saw():
    items = items_from_events(a_conversation())

    assert [(item["role"], item["text"]) for item in items] == [
        ("user", "Track my order"),
        ("bot", "On its way."),
        ("bot", "Anything else?"),
        ("bot", "Still there?"),
        ("user", "no"),
    ]


def test_replies_of_one_message_are_found_again():
    items = items_from_events(a_conversation())

    assert [reply["text"] for reply in replies_to("m1", items)] == ["On its way.", "Anything else?", "Still there?"]
    assert replies_to("m2", items) == []
    assert replies_to("m3", items) is None
