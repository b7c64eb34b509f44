"""Two Rasa servers on one SQL tracker store, and a browser whose requests reach now one, now the other."""

import secrets

import pytest
import requests

from tests.e2e.bot_process import BotProcess, free_port


@pytest.fixture
def other_bot(bot, action_server):
    """Another server with the files, the model and the tracker store of the first."""
    other = BotProcess(bot.folder, bot.model, free_port(), action_server.port, bot.web_chat)
    yield other.start()
    other.kill()


def test_a_message_that_comes_again_to_another_server_is_handled_once(bot, other_bot, action_server):
    session = requests.Session()

    def said(server, text, message_id):
        answer = session.post(f"{server.url}/chat/messages", json={"id": message_id, "text": text}, timeout=60)
        assert answer.status_code == 200
        return answer.json()["replies"]

    assert session.get(f"{bot.url}/chat/conversation", timeout=10).json()["items"] == []
    assert said(bot, "hello", secrets.token_hex(8))
    assert said(other_bot, "hello", secrets.token_hex(8))  # now both have the conversation in memory
    calls, message_id = len(action_server.calls), secrets.token_hex(8)

    first = said(bot, "echo once please", message_id)
    again = said(other_bot, "echo once please", message_id)
    once_more = said(bot, "echo once please", message_id)

    assert [reply["text"] for reply in first] == ["echo once please"]
    assert again == once_more == first
    assert len(action_server.calls) == calls + 1
    items = session.get(f"{other_bot.url}/chat/conversation", timeout=10).json()["items"]
    assert [item["text"] for item in items].count("echo once please") == 2  # said once, answered once
