"""What is going on in the conversations right now: queues, turns and open streams."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from rasa_llm_components.channels.replies import Reply, payloads

logger = logging.getLogger(__name__)


@dataclass
class Turn:
    """One message of a customer and what became of it."""

    message_id: str
    text: str = ""
    task: asyncio.Task[None] | None = None
    replies: list[Reply] = field(default_factory=list)
    notice: str | None = None
    """Key of the text that tells the customer why there are no replies."""
    failed: bool = False


class Conversation:
    """The part of a conversation that lives in memory; everything lasting is in Rasa's tracker."""

    max_streams = 8
    max_turns = 50

    def __init__(self, conversation_id: str) -> None:
        """Start empty: nothing said, nobody listening."""
        self.id = conversation_id
        self.turns: OrderedDict[str, Turn] = OrderedDict()
        # asyncio's lock lets waiters in first come, first served: messages are handled in the order they arrived.
        # Rasa's own lock would keep the order too, but looks only once a second whether it is free.
        self.lock = asyncio.Lock()
        self.offered: set[str] = set()
        """What the buttons send that were shown in this conversation."""
        self.last_used = time.monotonic()
        self._streams: list[asyncio.Queue[dict[str, Any] | None]] = []

    def publish(self, event: dict[str, Any]) -> None:
        """Hand an event to every open page of this conversation."""
        for stream in self._streams:
            stream.put_nowait(event)

    def reply(self, reply: Reply, turn: Turn | None) -> None:
        """Take a reply of the bot's and send it on at once.

        Args:
            reply: what to show.
            turn: the message it answers; None if nobody asked (a reminder, a person who took over).
        """
        self.offered |= payloads(reply)
        if turn is not None:
            turn.replies.append(reply)
        self.publish({"type": "reply", "to": turn.message_id if turn else None, "reply": reply})

    def open_stream(self) -> asyncio.Queue[dict[str, Any] | None]:
        """Listen. None in the queue means: close."""
        stream: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._streams.append(stream)
        if len(self._streams) > self.max_streams:
            self._streams.pop(0).put_nowait(None)
        return stream

    def close_stream(self, stream: asyncio.Queue[dict[str, Any] | None]) -> None:
        """Stop listening."""
        if stream in self._streams:
            self._streams.remove(stream)

    def close_streams(self) -> None:
        """Tell all pages to reconnect later: the server stops."""
        for stream in self._streams:
            stream.put_nowait(None)
        self._streams.clear()

    def remember(self, turn: Turn) -> None:
        """Keep a turn, so that the same message sent again gets the same replies; drop the oldest finished ones."""
        self.turns[turn.message_id] = turn
        for message_id in list(self.turns)[: -self.max_turns]:
            task = self.turns[message_id].task
            if task is not None and task.done():
                del self.turns[message_id]

    @property
    def pending(self) -> list[Turn]:
        """The messages that are being answered, oldest first."""
        return [turn for turn in self.turns.values() if turn.task is not None and not turn.task.done()]

    @property
    def idle(self) -> bool:
        """Nobody listens and nothing is being answered."""
        return not self._streams and not self.pending


class Conversations:
    """All conversations of this process, in bounded memory: idle ones are forgotten, the tracker has them."""

    def __init__(self, max_idle: int = 2000, idle_seconds: float = 600) -> None:
        """Set the bounds.

        Args:
            max_idle: how many are kept before idle ones are dropped.
            idle_seconds: how long one stays untouched before it may be dropped.
        """
        self._max_idle, self._idle_seconds = max_idle, idle_seconds
        self._known: OrderedDict[str, Conversation] = OrderedDict()

    def get(self, conversation_id: str) -> Conversation:
        """The conversation with this id, made if it isn't known yet."""
        conversation = self._known.get(conversation_id)
        if conversation is None:
            self._forget_idle()
            conversation = self._known[conversation_id] = Conversation(conversation_id)
        conversation.last_used = time.monotonic()
        self._known.move_to_end(conversation_id)
        return conversation

    def close(self) -> None:
        """End every stream, so that the server can stop."""
        for conversation in self._known.values():
            conversation.close_streams()

    def _forget_idle(self) -> None:
        if len(self._known) < self._max_idle:
            return
        oldest = time.monotonic() - self._idle_seconds
        for conversation in list(self._known.values()):
            if conversation.last_used > oldest:
                break
            if conversation.idle:
                del self._known[conversation.id]
