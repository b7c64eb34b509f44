"""Takes a customer's message, hands it to Rasa, and makes sure that it is handled exactly once."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any

from rasa.core.channels.channel import UserMessage

from rasa_llm_components.channels.conversations import Conversation, Conversations, Turn
from rasa_llm_components.channels.replies import clean_text, items_from_events, payloads, replies_to
from rasa_llm_components.channels.settings import WebChatSettings
from rasa_llm_components.channels.web_chat_output import WebChatOutput
from rasa_llm_components.steps import request, step

logger = logging.getLogger(__name__)

_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
# The title of a button is shown as what the customer said; no title is longer than this.
_MAX_SHOWN = 300


class RefusedError(Exception):
    """A message that isn't handed to Rasa, and the text that tells the customer so."""

    def __init__(self, notice: str, status: int, retry_after: float = 0.0, **values: object) -> None:
        """Say why.

        Args:
            notice: key of the text.
            status: HTTP status.
            retry_after: seconds until sending it again makes sense; 0: it never does.
            values: for the text's placeholders.
        """
        super().__init__(notice)
        self.notice, self.status, self.retry_after, self.values = notice, status, retry_after, values


@dataclass(frozen=True)
class Incoming:
    """A message as the page sent it, checked."""

    message_id: str
    text: str
    payload: str | None
    language: str | None

    @classmethod
    def from_body(cls, body: object, max_length: int) -> Incoming:
        """Check what was sent.

        Args:
            body: the request's JSON: `id`, `text`, and for a clicked button `payload`; `language` of the browser.
            max_length: characters a text may have.

        Raises:
            RefusedError: no id, no text, or too long a text.
        """
        if not isinstance(body, dict) or not _MESSAGE_ID.fullmatch(str(body.get("id"))):
            raise RefusedError("unreadable", 400)
        text, payload, language = (body.get(key) for key in ("text", "payload", "language"))
        if not isinstance(text, str) or not (payload is None or isinstance(payload, str)):
            raise RefusedError("unreadable", 400)
        text = clean_text(text)
        if len(text) > max_length or len(payload or "") > 4 * max_length:
            raise RefusedError("too_long", 413, limit=max_length)
        if not text:
            raise RefusedError("empty", 422)
        known_language = isinstance(language, str) and re.fullmatch(r"[A-Za-z0-9-]{2,20}", language)
        return cls(str(body["id"]), text, payload, language if known_language else None)


class FrontDesk:
    """Between the web and Rasa.

    Exactly once: a message carries an id that the page made. While it is being answered the conversation is locked;
    when it has been answered the id is in the tracker, which Rasa writes in one piece at the end of a turn. A message
    that comes again, to this process or to another one with the same stores, therefore either waits for the running
    turn, or gets its stored replies, or, if the server died in between, is handled as if it had never come, because
    nothing of it was written.
    """

    def __init__(self, settings: WebChatSettings, conversations: Conversations) -> None:
        """Keep the parts together.

        Args:
            settings: limits and start buttons.
            conversations: those of this process.
        """
        self._settings = settings
        self._conversations = conversations

    def accept(self, agent: Any, conversation_id: str, message: Incoming) -> Turn:
        """Start answering a message, or find the turn that already does.

        Args:
            agent: Rasa's.
            conversation_id: the conversation.
            message: what came.

        Returns:
            The turn; its task ends when the answer is complete. It goes on when the browser goes away.
        """
        conversation = self._conversations.get(conversation_id)
        turn = conversation.turns.get(message.message_id)
        if turn is None or (turn.failed and turn.task is not None and turn.task.done()):
            turn = Turn(message.message_id, message.text)
            turn.task = asyncio.get_running_loop().create_task(self._answer(agent, conversation, message, turn))
            conversation.remember(turn)
        return turn

    def is_known(self, conversation_id: str, message_id: str) -> bool:
        """Whether this message is being answered or was, as far as memory goes: sending it again costs nothing."""
        return message_id in self._conversations.get(conversation_id).turns

    async def history(self, agent: Any, conversation_id: str) -> list[dict[str, Any]]:
        """The stored conversation as the page shows it, and what its buttons send."""
        conversation = self._conversations.get(conversation_id)
        tracker = await agent.tracker_store.retrieve_full_tracker(conversation_id)
        items = items_from_events(tracker.events) if tracker is not None else []
        for item in items:
            conversation.offered |= payloads(item)
        return items

    async def _answer(self, agent: Any, conversation: Conversation, message: Incoming, turn: Turn) -> None:
        async with conversation.lock:
            try:
                await asyncio.wait_for(
                    self._handle_once(agent, conversation, message, turn), self._settings.reply_timeout
                )
            except asyncio.TimeoutError:
                logger.error(f"Web chat: no answer within {self._settings.reply_timeout:g} s; the turn was given up.")
                turn.failed, turn.notice = True, "too_slow"
            except Exception:
                logger.exception("Web chat: a message could not be handled.")
                turn.failed, turn.notice = True, "failed"
        conversation.publish({"type": "done", "to": turn.message_id})

    async def _handle_once(self, agent: Any, conversation: Conversation, message: Incoming, turn: Turn) -> None:
        # What `agent.handle_message` does, with a look at the tracker under the same lock: what another process wrote
        # since the last message is seen. Calling it inside this lock would wait for itself.
        async with agent.lock_store.lock(conversation.id):
            stored = replies_to(message.message_id, await self.history(agent, conversation.id))
            if stored is not None:
                turn.replies = stored
                return
            conversation.publish({"type": "typing", "to": turn.message_id, "text": turn.text})
            with request(message.message_id), step("conversation", channel="web chat"):
                await agent.processor.handle_message(self._user_message(conversation, message, turn))
        if not turn.replies and not await _is_paused(agent, conversation.id):
            turn.notice = "no_answer"

    def _user_message(self, conversation: Conversation, message: Incoming, turn: Turn) -> UserMessage:
        text, shown = message.text, None
        offered = conversation.offered | self._settings.suggested_payloads()
        if message.payload and message.payload in offered:
            text, shown = message.payload, message.text[:_MAX_SHOWN]
        elif text.startswith("/"):
            # Rasa reads "/intent{...}" as a command that sets intent and entities. Only buttons that the bot itself
            # has shown may send one; typed by a customer it is a text like any other, so it begins with U+FF0F.
            text, shown = "／" + text[1:], text
        metadata = {"shown": shown, "language": message.language}
        return UserMessage(
            text,
            WebChatOutput(self._conversations, turn),
            conversation.id,
            input_channel=WebChatOutput.name(),
            message_id=message.message_id,
            metadata={key: value for key, value in metadata.items() if value},
        )


async def _is_paused(agent: Any, conversation_id: str) -> bool:
    # A person has taken over: the bot is silent on purpose.
    tracker = await agent.tracker_store.retrieve(conversation_id)
    return tracker is not None and tracker.is_paused()
