"""Where the bot's words go: to the turn that is running, or, once it is over, only to the open pages."""

import asyncio

from rasa_llm_components.channels.conversations import Conversations, Turn
from rasa_llm_components.channels.web_chat_output import WebChatOutput


async def running_turn():
    turn = Turn("message-1")
    turn.task = asyncio.create_task(asyncio.sleep(30))
    return turn


def heard(stream):
    return [stream.get_nowait() for _ in range(stream.qsize())]


async def test_a_reply_belongs_to_the_running_turn_and_reaches_every_page():
    conversations, turn = Conversations(), await running_turn()
    pages = [conversations.get("a").open_stream() for _ in range(2)]
    stranger = conversations.get("b").open_stream()

    await WebChatOutput(conversations, turn).send_text_message("a", "Hello")

    assert [reply["text"] for reply in turn.replies] == ["Hello"]
    assert [[event["reply"]["text"] for event in heard(page)] for page in pages] == [["Hello"], ["Hello"]]
    assert heard(stranger) == []
    turn.task.cancel()


async def test_a_reminder_comes_after_the_turn_and_does_not_change_its_answer():
    conversations, turn = Conversations(), await running_turn()
    turn.task.cancel()
    await asyncio.wait({turn.task})
    page = conversations.get("a").open_stream()

    await WebChatOutput(conversations, turn).send_text_message("a", "Still there?")

    assert turn.replies == []
    assert [(event["to"], event["reply"]["text"]) for event in heard(page)] == [(None, "Still there?")]


async def test_every_way_to_send_ends_in_one_reply():
    conversations = Conversations()
    page = conversations.get("a").open_stream()
    output = WebChatOutput(conversations)

    await output.send_text_with_buttons("a", "Well?", [{"title": "Yes", "payload": "/affirm"}])
    await output.send_image_url("a", "https://shop.example/mug.png")
    await output.send_attachment("a", "https://shop.example/form.pdf")
    await output.send_custom_json("a", {"sources": [{"title": "Returns"}]})
    await output.send_quick_replies("a", "Or?", [{"title": "No"}])
    await output.send_elements("a", [{"title": "Mug", "subtitle": "12 €"}])

    replies = [event["reply"] for event in heard(page)]
    assert [sorted(reply.keys() - {"id"}) for reply in replies[:4]] == [
        ["buttons", "text"],
        ["image"],
        ["links"],
        ["sources"],
    ]
    assert len({reply["id"] for reply in replies}) == len(replies) >= 6


async def test_a_browser_with_too_many_tabs_loses_the_oldest_stream():
    conversation = Conversations().get("a")
    first, *_ = [conversation.open_stream() for _ in range(conversation.max_streams + 1)]

    assert heard(first) == [None]


async def test_idle_conversations_leave_memory_and_busy_ones_stay():
    conversations = Conversations(max_idle=10, idle_seconds=0)
    busy = conversations.get("busy")
    busy.open_stream()

    for i in range(50):
        conversations.get(f"idle {i}")

    assert conversations.get("busy") is busy
    assert len(conversations._known) <= 11
