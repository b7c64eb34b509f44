"""The web chat channel: a page and the few addresses it talks to, on Rasa's own server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from rasa.shared.exceptions import InvalidConfigException
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, raw, redirect
from sanic.response import json as json_response

from rasa_llm_components.channels.conversation_ids import ConversationIds
from rasa_llm_components.channels.conversations import Conversations, Turn
from rasa_llm_components.channels.front_desk import FrontDesk, Incoming, Refusal
from rasa_llm_components.channels.notices import Notices
from rasa_llm_components.channels.page_files import PageFiles
from rasa_llm_components.channels.rate_limiter import RateLimiter
from rasa_llm_components.channels.settings import WebChatSettings
from rasa_llm_components.channels.web_chat_output import WebChatOutput
from rasa_llm_components.errors import ConfigurationError

logger = logging.getLogger(__name__)

_COOKIE = "webchat_conversation"
# Proxies often cut what is silent for a minute: the page is told to ask again before that, and a stream says something.
_WAIT_SECONDS = 40.0
_KEEP_ALIVE_SECONDS = 15.0


class WebChat(InputChannel):
    """Customers talk to the bot on a web page of this server. Configuration: docs/components/web-chat.md."""

    @classmethod
    def name(cls) -> str:
        """The channel's name in trackers and in responses' `channel:`."""
        return WebChatOutput.name()

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> WebChat:
        """Make the channel when Rasa starts.

        Args:
            credentials: the keys below `rasa_llm_components.channels.WebChat:` in credentials.yml.

        Returns:
            The channel.

        Raises:
            InvalidConfigException: a key can't be used, or the page was never built; the sentence says what to do.
        """
        try:
            settings = WebChatSettings.from_credentials(credentials)
            return cls(settings, PageFiles(settings))
        except ConfigurationError as error:
            raise InvalidConfigException(str(error)) from error

    def __init__(self, settings: WebChatSettings, page: PageFiles) -> None:
        """Keep the parts together.

        Args:
            settings: the checked keys.
            page: the files to serve.
        """
        self._settings, self._page = settings, page
        self._ids = ConversationIds(settings.secret)
        self._conversations = Conversations()
        self._notices = Notices.from_json(page.files["texts.json"][0])
        self._per_conversation = RateLimiter(settings.messages_per_minute)
        self._per_address = RateLimiter(settings.messages_per_minute_per_address)
        self._new_conversations = RateLimiter(settings.conversations_per_minute_per_address)

    def url_prefix(self) -> str:
        """Where the page is: an absolute path, so Rasa does not put it below /webhooks/."""
        return self._settings.path

    def get_output_channel(self) -> OutputChannel:
        """For replies that no message asked for: reminders, `trigger_intent`, a person who took over."""
        return WebChatOutput(self._conversations)

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The page's addresses.

        Args:
            on_new_message: hands a message to Rasa.

        Returns:
            `/` the page, `/static/…` its files, `/conversation` the history, `/messages` to say something, `/stream`
            replies as they come (Server-Sent Events), `/restart` a new conversation.
        """
        desk = FrontDesk(self._settings, self._conversations, on_new_message)
        blueprint = Blueprint("rasa_llm_components_web_chat")

        # Sanic marks handlers with attributes, which methods don't take: hence the functions.
        @blueprint.get("/")
        async def index(request: Request) -> HTTPResponse:
            return self._index(request)

        @blueprint.get("/static/<name:path>")
        async def file(request: Request, name: str) -> HTTPResponse:
            return self._file(request, name)

        @blueprint.get("/conversation")
        async def conversation(request: Request) -> HTTPResponse:
            return await self._guarded(request, desk, self._conversation)

        @blueprint.post("/messages", stream=True)
        async def messages(request: Request) -> HTTPResponse:
            return await self._guarded(request, desk, self._messages)

        @blueprint.post("/restart")
        async def restart(request: Request) -> HTTPResponse:
            return await self._guarded(request, desk, self._restart)

        @blueprint.get("/stream")
        async def stream(request: Request) -> HTTPResponse | None:
            return await self._stream(request)

        @blueprint.after_server_start
        async def say_where(app: Any, _: Any) -> None:
            logger.info(f"Web chat: the page is at {self._settings.path}/ on this server.")

        @blueprint.before_server_stop
        async def close(app: Any, _: Any) -> None:
            self._conversations.close()

        return blueprint

    # ------------------------------------------------------------------ the page

    def _index(self, request: Request) -> HTTPResponse:
        if not request.path.endswith("/"):
            # The page names its files relative to itself, so that it also works behind a proxy's own prefix.
            return self._secured(redirect(f"{request.path.rpartition('/')[2]}/"))
        body = raw(self._page.index.encode(), content_type="text/html; charset=utf-8")
        body.headers["Cache-Control"] = "no-cache"
        return self._secured(body)

    def _file(self, request: Request, name: str) -> HTTPResponse:
        if name not in self._page.files:
            return self._secured(raw(b"Not found.", status=404, content_type="text/plain"))
        content, media_type = self._page.files[name]
        answer = raw(content, content_type=f"{media_type}; charset=utf-8")
        current = request.args.get("v") == self._page.version
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if current else "no-cache"
        return self._secured(answer)

    # ------------------------------------------------------------------ the conversation

    async def _guarded(
        self,
        request: Request,
        desk: FrontDesk,
        handler: Callable[[Request, FrontDesk, str, str | None], Awaitable[HTTPResponse]],
    ) -> HTTPResponse:
        """Find the conversation, and turn whatever goes wrong into a sentence for the customer."""
        cookie = None
        try:
            _refuse_other_sites(request)
            conversation_id, cookie = await self._identify(request)
            answer = await handler(request, desk, conversation_id, cookie)
        except Refusal as refusal:
            answer = self._notice(request, refusal)
        except Exception:
            logger.exception("Web chat: a request failed.")
            answer = self._notice(request, Refusal("failed", 500, retry_after=2))
        if cookie and "Set-Cookie" not in answer.headers:
            self._set_cookie(request, answer, cookie)
        answer.headers["Cache-Control"] = "no-store"
        return self._secured(answer)

    async def _messages(self, request: Request, desk: FrontDesk, conversation_id: str, _: str | None) -> HTTPResponse:
        message = Incoming.from_body(await self._body(request), self._settings.max_message_length)
        agent = _agent(request)
        if not desk.is_known(conversation_id, message.message_id):
            wait = max(self._per_address.take(self._address(request)), self._per_conversation.take(conversation_id))
            if wait:
                raise Refusal("too_fast", 429, retry_after=wait, seconds=max(1, round(wait)))
        turn = desk.accept(agent, conversation_id, message)
        if turn.task is not None:
            await asyncio.wait({turn.task}, timeout=_WAIT_SECONDS)
        return self._answer(request, turn)

    def _answer(self, request: Request, turn: Turn) -> HTTPResponse:
        body: dict[str, Any] = {"id": turn.message_id, "replies": turn.replies}
        if turn.task is not None and not turn.task.done():
            return json_response({**body, "done": False}, status=202)
        if turn.notice:
            body["notice"] = self._notices.text(turn.notice, _language(request))
        return json_response({**body, "done": True, "failed": turn.failed}, status=503 if turn.failed else 200)

    async def _conversation(
        self, request: Request, desk: FrontDesk, conversation_id: str, cookie: str | None
    ) -> HTTPResponse:
        items = [] if cookie else (await desk.history(_agent(request), conversation_id))[-300:]
        pending = self._conversations.get(conversation_id).pending
        return json_response({"items": items, "pending": pending, "page": self._page.version})

    async def _restart(self, request: Request, desk: FrontDesk, conversation_id: str, _: str | None) -> HTTPResponse:
        self._count_new_conversation(request)
        answer = json_response({"items": [], "pending": []})
        self._set_cookie(request, answer, self._ids.issue()[1])
        return answer

    async def _stream(self, request: Request) -> HTTPResponse | None:
        try:
            _refuse_other_sites(request)
            conversation_id, cookie = await self._identify(request)
            if cookie:
                raise Refusal("no_conversation", 409)
        except Refusal as refusal:
            return self._secured(self._notice(request, refusal))
        conversation = self._conversations.get(conversation_id)
        events = conversation.open_stream()
        # X-Accel-Buffering: nginx hands on each event at once.
        headers = {**self._page.security_headers, "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
        try:
            answer = await request.respond(content_type="text/event-stream", headers=headers)
            await answer.send(b"retry: 2000\n\n")
            while True:
                try:
                    event = await asyncio.wait_for(events.get(), _KEEP_ALIVE_SECONDS)
                except asyncio.TimeoutError:
                    await answer.send(b": still here\n\n")
                    continue
                if event is None:
                    break
                await answer.send(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())
        finally:
            conversation.close_stream(events)
        await answer.eof()
        return None

    # ------------------------------------------------------------------ who is it

    async def _identify(self, request: Request) -> tuple[str, str | None]:
        """The conversation of this browser, and the cookie to set if it is a new one."""
        conversation_id, signed = self._ids.read(request.cookies.get(_COOKIE))
        if conversation_id and (signed or await _is_stored(request, conversation_id)):
            return conversation_id, None
        self._count_new_conversation(request)
        return self._ids.issue()

    def _count_new_conversation(self, request: Request) -> None:
        wait = self._new_conversations.take(self._address(request))
        if wait:
            raise Refusal("too_fast", 429, retry_after=wait, seconds=max(1, round(wait)))

    def _address(self, request: Request) -> str:
        """The customer's address: the connection's, or what the last trusted proxy says it is."""
        hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",") if hop.strip()]
        trusted = self._settings.trusted_proxies
        return hops[-min(trusted, len(hops))] if trusted and hops else request.ip

    def _set_cookie(self, request: Request, answer: HTTPResponse, value: str) -> None:
        same_site = self._settings.same_site.capitalize()
        secure = same_site == "None" or request.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
        # Written by hand: Sanic 21.12 quotes values and knows no Partitioned.
        answer.headers["Set-Cookie"] = "; ".join(
            [
                f"{_COOKIE}={value}",
                f"Path={self._settings.path}",
                f"Max-Age={self._settings.keep_days * 86400}",
                "HttpOnly",
                f"SameSite={same_site}",
                *(["Secure"] if secure else []),
                *(["Partitioned"] if same_site == "None" else []),
            ]
        )

    # ------------------------------------------------------------------ answers

    async def _body(self, request: Request) -> object:
        """Read the request's JSON, and no more of it than a message can need."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal("unreadable", 415)
        # JSON may write one character as \uXXXX\uXXXX.
        most, body = 4096 + 5 * 12 * self._settings.max_message_length, b""
        async for chunk in request.stream:
            body += chunk
            if len(body) > most:
                raise Refusal("too_long", 413, limit=self._settings.max_message_length)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refusal("unreadable", 400) from error

    def _notice(self, request: Request, refusal: Refusal) -> HTTPResponse:
        text = self._notices.text(refusal.notice, _language(request), **refusal.values)
        body = {"notice": text, "reason": refusal.notice, "retry_after": round(refusal.retry_after, 1)}
        answer = json_response(body, status=refusal.status)
        if refusal.retry_after:
            answer.headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
        return answer

    def _secured(self, answer: HTTPResponse) -> HTTPResponse:
        answer.headers.update(self._page.security_headers)
        return answer


def _language(request: Request) -> str:
    return str(request.headers.get("accept-language", ""))


def _refuse_other_sites(request: Request) -> None:
    """A page of another site must not write in the customer's name (browsers say where a request comes from)."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refusal("unreadable", 403)


def _agent(request: Request) -> Any:
    agent = getattr(request.app.ctx, "agent", None)
    if agent is None or not agent.is_ready():
        raise Refusal("not_ready", 503, retry_after=3)
    return agent


async def _is_stored(request: Request, conversation_id: str) -> bool:
    return await _agent(request).tracker_store.retrieve(conversation_id) is not None
