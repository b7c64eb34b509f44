"""Conversation ids that only the server can make, and the cookie that carries them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

# 32 random bytes: as hard to guess as the key of a cipher. The prefix and the length keep the ids of other channels
# in the same tracker store (a phone number, "default") from ever being taken for one of ours.
_SHAPE = re.compile(r"web-[A-Za-z0-9_-]{43}")


class ConversationIds:
    """Makes conversation ids and signs them (HMAC-SHA256, RFC 2104), so that a made-up id is recognised as such."""

    def __init__(self, secret: str | None = None) -> None:
        """Choose the signing key.

        Args:
            secret: the key, the same on every server that shares the conversations. None: a random key that ends with
                this process; a conversation is then recognised after a restart because the tracker store holds it.
        """
        self._key = secret.encode() if secret else secrets.token_bytes(32)

    def issue(self) -> tuple[str, str]:
        """Make a new conversation.

        Returns:
            The conversation id (Rasa's `sender_id`) and the value of its cookie.
        """
        conversation_id = f"web-{secrets.token_urlsafe(32)}"
        return conversation_id, f"{conversation_id}.{self._signature(conversation_id)}"

    def read(self, cookie: str | None) -> tuple[str | None, bool]:
        """Look at what a browser sent.

        Args:
            cookie: the value of the cookie.

        Returns:
            The id in it, or None if it can't be one of ours; and whether our signature is on it. An id without a valid
            signature may only be used when the tracker store knows it.
        """
        conversation_id, _, signature = (cookie or "").partition(".")
        if not _SHAPE.fullmatch(conversation_id):
            return None, False
        return conversation_id, hmac.compare_digest(signature.encode(), self._signature(conversation_id).encode())

    def _signature(self, conversation_id: str) -> str:
        return hmac.new(self._key, conversation_id.encode(), hashlib.sha256).hexdigest()[:32]
