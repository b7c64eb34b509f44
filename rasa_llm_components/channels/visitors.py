"""Who a request comes from: which conversation, which address, and how often."""

from __future__ import annotations

from typing import Any

from sanic.request import Request
from sanic.response import HTTPResponse

from rasa_llm_components.channels.conversation_ids import ConversationIds
from rasa_llm_components.channels.front_desk import RefusedError
from rasa_llm_components.channels.settings import WebChatSettings
from rasa_llm_components.rate_limiter import RateLimiter

COOKIE = "webchat_conversation"


class Visitors:
    """Recognises browsers by a cookie that scripts can't read, and counts what they do."""

    def __init__(self, settings: WebChatSettings) -> None:
        """Set up ids and limits.

        Args:
            settings: secret, cookie and limits.
        """
        self._settings = settings
        self._ids = ConversationIds(settings.secret)
        self._per_conversation = RateLimiter(settings.messages_per_minute)
        self._per_address = RateLimiter(settings.messages_per_minute_per_address)
        # Reading is cheaper than a turn, and a page reads more often than it writes.
        self._requests = RateLimiter(4 * settings.messages_per_minute_per_address)
        self._new_conversations = RateLimiter(settings.conversations_per_minute_per_address)

    async def identify(self, request: Request) -> tuple[str, str | None]:
        """Find the conversation of a browser.

        Args:
            request: with or without our cookie.

        Returns:
            The conversation id, and the cookie to set if a new conversation was made: there was no cookie, or one that
            this server neither signed nor finds in the tracker store.

        Raises:
            RefusedError: the request comes from another site's page, or too much comes from one address.
        """
        # Browsers say where a request comes from; a page of another site must not write in the customer's name.
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise RefusedError("unreadable", 403)
        _refuse_if(self._requests.take(self._address(request)))
        conversation_id, signed = self._ids.read(request.cookies.get(COOKIE))
        if conversation_id and (signed or await _is_stored(request, conversation_id)):
            return conversation_id, None
        return self.new_conversation(request)

    def new_conversation(self, request: Request) -> tuple[str, str]:
        """Make a conversation.

        Args:
            request: who asks for it.

        Returns:
            Its id and its cookie.

        Raises:
            RefusedError: too many from this address.
        """
        _refuse_if(self._new_conversations.take(self._address(request)))
        return self._ids.issue()

    def count_message(self, request: Request, conversation_id: str) -> None:
        """Use up one message of what the conversation and the address may send.

        Raises:
            RefusedError: too many.
        """
        _refuse_if(self._per_conversation.take(conversation_id))
        _refuse_if(self._per_address.take(self._address(request)))

    def set_cookie(self, request: Request, answer: HTTPResponse, value: str) -> None:
        """Write the cookie: HttpOnly, so that no script can take it; SameSite, so that no other site can use it."""
        same_site = self._settings.same_site.capitalize()
        secure = same_site == "None" or "https" in (request.scheme, request.headers.get("x-forwarded-proto"))
        # Written by hand: Sanic 21.12 quotes values and knows no Partitioned.
        answer.headers["Set-Cookie"] = "; ".join(
            [
                f"{COOKIE}={value}",
                f"Path={self._settings.path}",
                f"Max-Age={self._settings.keep_days * 86400}",
                "HttpOnly",
                f"SameSite={same_site}",
                *(["Secure"] if secure else []),
                *(["Partitioned"] if same_site == "None" else []),
            ]
        )

    def _address(self, request: Request) -> str:
        """The customer's address: the connection's, or what the last trusted proxy says it is."""
        hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",") if hop.strip()]
        trusted = self._settings.trusted_proxies
        return hops[-min(trusted, len(hops))] if trusted and hops else request.ip


def agent_of(request: Request) -> Any:
    """Rasa's agent.

    Raises:
        RefusedError: it has no model yet.
    """
    agent = getattr(request.app.ctx, "agent", None)
    if agent is None or not agent.is_ready():
        raise RefusedError("not_ready", 503, retry_after=3)
    return agent


def _refuse_if(wait: float) -> None:
    if wait:
        raise RefusedError("too_fast", 429, retry_after=wait, seconds=max(1, round(wait)))


async def _is_stored(request: Request, conversation_id: str) -> bool:
    return await agent_of(request).tracker_store.retrieve(conversation_id) is not None
