"""What the bot says, on its way to the page."""

from __future__ import annotations

from typing import Any

from rasa.core.channels.channel import OutputChannel

from rasa_llm_components.channels.conversations import Conversations, Turn
from rasa_llm_components.channels.replies import reply_from_message


class WebChatOutput(OutputChannel):
    """Sends every message of the bot at once to the open pages of its conversation."""

    def __init__(self, conversations: Conversations, turn: Turn | None = None) -> None:
        """Keep where replies go.

        Args:
            conversations: those of this process.
            turn: the message that is being answered; None for what nobody asked for.
        """
        self._conversations = conversations
        self._turn = turn

    @classmethod
    def name(cls) -> str:
        """The channel's name, which responses with `channel: webchat` are chosen by."""
        return "webchat"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Send one message as one bubble: text, buttons, picture and sources stay together.

        Rasa's own method would take it apart into a text message and a JSON message.
        """
        reply = reply_from_message(message)
        if reply is not None:
            turn = self._turn if self._turn is not None and not _is_over(self._turn) else None
            self._conversations.get(recipient_id).reply(reply, turn)

    async def send_text_message(self, recipient_id: str, text: str, **kwargs: Any) -> None:
        """Send a text, for code that calls this method itself."""
        await self.send_response(recipient_id, {"text": text})

    async def send_text_with_buttons(
        self, recipient_id: str, text: str, buttons: list[dict[str, Any]], **kwargs: Any
    ) -> None:
        """Send a text with buttons, for code that calls this method itself."""
        await self.send_response(recipient_id, {"text": text, "buttons": buttons})

    async def send_image_url(self, recipient_id: str, image: str, **kwargs: Any) -> None:
        """Send a picture, for code that calls this method itself."""
        await self.send_response(recipient_id, {"image": image})

    async def send_attachment(self, recipient_id: str, attachment: str, **kwargs: Any) -> None:
        """Send a file's address, for code that calls this method itself."""
        await self.send_response(recipient_id, {"attachment": attachment})

    async def send_custom_json(self, recipient_id: str, json_message: dict[str, Any], **kwargs: Any) -> None:
        """Send `custom`, of which sources and text are shown, for code that calls this method itself."""
        await self.send_response(recipient_id, {"custom": json_message})


def _is_over(turn: Turn) -> bool:
    # A reminder keeps the output channel of the message that scheduled it, and comes long after that message's turn.
    return turn.task is not None and turn.task.done()
