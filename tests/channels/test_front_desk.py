"""Exactly once and in order, with Rasa's own tracker store; only the bot behind it is a stand-in that says "echo"."""

import asyncio
from types import SimpleNamespace

import pytest
from rasa.core.lock_store import InMemoryLockStore
from rasa.core.tracker_store import SQLTrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, ConversationPaused, UserUttered

from rasa_llm_components.channels.conversations import Conversations
from rasa_llm_components.channels.front_desk import FrontDesk, Incoming, RefusedError
from rasa_llm_components.channels.settings import WebChatSettings

CONVERSATION = "web-test"


class StandInBot:
    """Writes the turn into the tracker in one piece at its end, as Rasa does."""

    def __init__(self, store):
        self.store, self.heard, self.release, self.after_reply = store, [], asyncio.Event(), None
        self.release.set()

    async def handle(self, message):
        self.heard.append(message.text)
        tracker = await self.store.get_or_create_tracker(message.sender_id)
        user = UserUttered(
            message.text,
            {"name": "x"},
            message_id=message.message_id,
            input_channel="webchat",
            metadata=message.metadata,
        )
        tracker.update(user)
        if "silent" in message.text:
            await self.store.save(tracker)
            return
        if message.text == "pause":
            tracker.update(ConversationPaused())
            await self.store.save(tracker)
            return
        buttons = [{"title": "Go on", "payload": "/go_on"}]
        said = BotUttered(f"echo {message.text}", {"buttons": buttons})
        tracker.update(said)
        await message.output_channel.send_response(message.sender_id, said.message())
        if self.after_reply:
            raise self.after_reply
        await self.release.wait()
        await self.store.save(tracker)


@pytest.fixture
def store(tmp_path):
    return SQLTrackerStore(Domain.empty(), db=str(tmp_path / "tracker.db"))


def desk_for(store, lock_store=None, **settings):
    """A process that has just been started, and its bot."""
    bot, lock_store = StandInBot(store), lock_store or InMemoryLockStore()
    desk = FrontDesk(WebChatSettings(**settings), Conversations())
    processor = SimpleNamespace(handle_message=bot.handle)
    return desk, bot, SimpleNamespace(tracker_store=store, lock_store=lock_store, processor=processor)


def message(text, message_id="message-1", payload=None):
    return Incoming(message_id, text, payload, "en")


async def answered(desk, agent, incoming):
    turn = desk.accept(agent, CONVERSATION, incoming)
    await turn.task
    return turn


async def test_a_repeated_id_is_answered_once(store):
    desk, bot, agent = desk_for(store)

    turns = await asyncio.gather(*(answered(desk, agent, message("hello")) for _ in range(5)))

    assert bot.heard == ["hello"]
    assert all(turn.replies == turns[0].replies and len(turn.replies) == 1 for turn in turns)


async def test_a_new_process_finds_the_id_in_the_tracker(store):
    desk, _, agent = desk_for(store)
    first = await answered(desk, agent, message("hello"))

    desk, bot, agent = desk_for(store)
    again = await answered(desk, agent, message("hello"))

    assert bot.heard == []
    assert again.replies == first.replies


async def test_a_new_process_finds_the_id_even_when_the_page_asked_for_the_history_first(store):
    desk, _, agent = desk_for(store)
    await answered(desk, agent, message("hello"))

    desk, bot, agent = desk_for(store)
    await desk.history(agent, CONVERSATION)
    again = await answered(desk, agent, message("hello"))

    assert bot.heard == []
    assert len(again.replies) == 1


async def test_another_process_has_handled_the_message_meanwhile(store):
    here, _, agent = desk_for(store)
    there, other_bot, other_agent = desk_for(store)
    for desk, its_agent, name in ((here, agent, "message-0"), (there, other_agent, "message-1")):
        await answered(desk, its_agent, message("before", name))  # both know the conversation
    first = await answered(here, agent, message("hello", "message-2"))

    again = await answered(there, other_agent, message("hello", "message-2"))

    assert other_bot.heard == ["before"]
    assert again.replies == first.replies


async def test_another_process_waits_for_the_one_that_works_on_the_message(store):
    locks = InMemoryLockStore()  # stands for one that processes share, Redis
    here, bot, agent = desk_for(store, locks)
    there, other_bot, other_agent = desk_for(store, locks)
    bot.release.clear()
    first = here.accept(agent, CONVERSATION, message("hello"))
    while not first.replies:
        await asyncio.sleep(0.01)
    again = there.accept(other_agent, CONVERSATION, message("hello"))
    await asyncio.sleep(0.1)
    assert not again.task.done()

    bot.release.set()
    await asyncio.gather(first.task, again.task)

    assert (bot.heard, other_bot.heard) == (["hello"], [])
    assert again.replies == first.replies


async def test_a_turn_that_died_before_it_was_written_is_handled_anew(store):
    desk, bot, agent = desk_for(store)
    bot.release.clear()
    turn = desk.accept(agent, CONVERSATION, message("hello"))
    while not turn.replies:
        await asyncio.sleep(0.01)
    turn.task.cancel()  # the end of the process

    desk, bot, agent = desk_for(store)
    again = await answered(desk, agent, message("hello"))

    assert bot.heard == ["hello"]
    assert [reply["text"] for reply in again.replies] == ["echo hello"]
    assert len(await desk.history(agent, CONVERSATION)) == 2


async def test_messages_are_handled_one_after_another_in_the_order_they_came(store):
    desk, bot, agent = desk_for(store)
    bot.release.clear()
    turns = [desk.accept(agent, CONVERSATION, message(f"m{i}", f"message-{i}")) for i in range(20)]
    await asyncio.sleep(0.05)
    assert bot.heard == ["m0"]

    bot.release.set()
    await asyncio.gather(*(turn.task for turn in turns))

    assert bot.heard == [f"m{i}" for i in range(20)]
    history = [item["text"] for item in await desk.history(agent, CONVERSATION)]
    assert history == [text for i in range(20) for text in (f"m{i}", f"echo m{i}")]


async def test_a_failure_is_told_and_may_be_tried_again_under_the_same_id(store):
    desk, bot, agent = desk_for(store)
    bot.after_reply = RuntimeError("database is locked")
    turn = await answered(desk, agent, message("hello"))
    assert (turn.failed, turn.notice) == (True, "failed")

    bot.after_reply = None
    again = await answered(desk, agent, message("hello"))

    assert not again.failed
    assert [item["text"] for item in await desk.history(agent, CONVERSATION)] == ["hello", "echo hello"]


async def test_nobody_waits_for_ever_and_the_next_message_gets_its_turn(store):
    desk, bot, agent = desk_for(store, reply_timeout=0.2)
    bot.release.clear()
    stuck = desk.accept(agent, CONVERSATION, message("stuck"))
    following = desk.accept(agent, CONVERSATION, message("following", "message-2"))
    await stuck.task
    bot.release.set()
    await following.task

    assert stuck.notice == "too_slow"
    assert [reply["text"] for reply in following.replies] == ["echo following"]


async def test_a_bot_that_says_nothing_is_covered_for_but_not_when_a_person_took_over(store):
    desk, _, agent = desk_for(store)

    assert (await answered(desk, agent, message("silent"))).notice == "no_answer"
    assert (await answered(desk, agent, message("pause", "message-2"))).notice is None


async def test_commands_work_from_the_bots_own_buttons_only(store):
    desk, bot, agent = desk_for(store, suggestions=[{"title": "Start", "payload": "/start"}])

    await answered(desk, agent, message("/go_on", "message-1"))
    await answered(desk, agent, message("Go on", "message-2", payload="/something_else"))
    await answered(desk, agent, message("Go on", "message-3", payload="/go_on"))
    await answered(desk, agent, message("Start", "message-4", payload="/start"))

    assert bot.heard == ["／go_on", "Go on", "/go_on", "/start"]
    shown = [item["text"] for item in await desk.history(agent, CONVERSATION) if item["role"] == "user"]
    assert shown == ["/go_on", "Go on", "Go on", "Start"]


@pytest.mark.parametrize(
    ("body", "notice"),
    [
        ([], "unreadable"),
        ({"id": "short", "text": "x"}, "unreadable"),
        ({"id": "../../../../etc/passwd", "text": "x"}, "unreadable"),
        ({"id": "message-1"}, "unreadable"),
        ({"id": "message-1", "text": ["x"]}, "unreadable"),
        ({"id": "message-1", "text": " \x00\n "}, "empty"),
        ({"id": "message-1", "text": "x" * 10_000}, "too_long"),
        ({"id": "message-1", "text": "x", "payload": "/x" * 10_000}, "too_long"),
    ],
)
def test_what_is_no_message_is_refused(body, notice):
    with pytest.raises(RefusedError) as refusal:
        Incoming.from_body(body, max_length=2000)

    assert refusal.value.notice == notice
