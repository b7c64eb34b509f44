"""Rasa is killed in the middle of an answer and started again. Last in the alphabet: it restarts the shared server."""

from playwright.sync_api import expect


def test_nothing_is_lost_and_nothing_comes_twice(chat, bot, action_server):
    chat.ask("hello")
    action_server.release.clear()
    chat.send("slow")
    expect(chat.bot_items.last).to_contain_text("First answer.")

    bot.kill()
    expect(chat.state).to_have_attribute("data-state", "reconnecting")
    chat.send("echo written while the server was away")
    action_server.release.set()
    bot.start()

    chat.wait_until_connected(timeout=30_000)
    expect(chat.typing).to_have_count(0, timeout=30_000)
    expected = [
        "hello",
        "Hello there!",
        "slow",
        "First answer.",
        "The slow answer.",
        "echo written while the server was away",
        "echo written while the server was away",
    ]
    expect(chat.items).to_have_count(len(expected), timeout=30_000)
    assert chat.texts() == expected

    chat.page.reload()
    chat.wait_until_connected()
    expect(chat.items).to_have_count(len(expected))
    assert chat.texts() == expected
    assert chat.page.evaluate("sessionStorage.getItem('webchat-outbox')") == "[]"
