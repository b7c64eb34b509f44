"""The web chat channel: a page and the few addresses it talks to, on Rasa's own server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.shared.exceptions import InvalidConfigException
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, raw, redirect
from sanic.response import json as json_response

from rasa_llm_components.channels.conversations import Conversations
from rasa_llm_components.channels.front_desk import FrontDesk, Incoming, RefusedError
from rasa_llm_components.channels.notices import Notices
from rasa_llm_components.channels.page_files import PageFiles
from rasa_llm_components.channels.settings import WebChatSettings
from rasa_llm_components.channels.store_errors import store_errors_end_the_turn, watch
from rasa_llm_components.channels.visitors import Visitors, agent_of
from rasa_llm_components.channels.web_chat_output import WebChatOutput
from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.open_files import allow_many_connections

logger = logging.getLogger(__name__)

# Proxies often cut what is silent for a minute: the page is told to ask again before that, and a stream says something.
_WAIT_SECONDS = 40.0
_KEEP_ALIVE_SECONDS = 15.0
_SHOWN_ITEMS = 300


Handler = Callable[[Request, FrontDesk, str, str | None], Awaitable[HTTPResponse | None]]
"""Answers a request in a conversation: request, desk, conversation id, and the cookie if it is a new one."""


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
        self._visitors = Visitors(settings)
        self._conversations = Conversations()
        self._notices = Notices.from_json(page.files["texts.json"][0])

    def url_prefix(self) -> str:
        """Where the page is: an absolute path, so Rasa does not put it below /webhooks/."""
        return self._settings.path

    def get_output_channel(self) -> OutputChannel:
        """For replies that no message asked for: reminders, `trigger_intent`, a person who took over."""
        return WebChatOutput(self._conversations)

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The page's addresses.

        Args:
            on_new_message: not used: it locks the conversation itself, and the front desk has to look under the lock.

        Returns:
            `/` the page, `/static/…` its files, `/conversation` the history, `/messages` to say something, `/stream`
            replies as they come (Server-Sent Events), `/restart` a new conversation.
        """
        blueprint = Blueprint("rasa_llm_components_web_chat")
        self._add_page(blueprint)
        self._add_conversation(blueprint, FrontDesk(self._settings, self._conversations))

        @blueprint.after_server_start
        async def say_where(app: Any, _: Any) -> None:
            logger.info(f"Web chat: the page is at {self._settings.path}/ on this server.")
            store = getattr(app.ctx.agent, "tracker_store", None)
            watch(store)
            allow_many_connections()
            if isinstance(getattr(store, "_tracker_store", store), InMemoryTrackerStore):
                logger.warning(
                    "Web chat: a restart forgets all conversations; endpoints.yml names no `tracker_store:`."
                )

        @blueprint.before_server_stop
        async def close(app: Any, _: Any) -> None:
            self._conversations.close()

        return blueprint

    def _add_page(self, blueprint: Blueprint) -> None:
        # Sanic marks handlers with attributes, which methods don't take: hence the functions.
        @blueprint.get("/")
        async def index(request: Request) -> HTTPResponse:
            return self._index(request)

        @blueprint.get("/static/<name:path>")
        async def file(request: Request, name: str) -> HTTPResponse:
            return self._file(request, name)

    def _add_conversation(self, blueprint: Blueprint, desk: FrontDesk) -> None:
        def route(handler: Handler) -> Callable[[Request], Coroutine[Any, Any, HTTPResponse | None]]:
            async def guarded(request: Request) -> HTTPResponse | None:
                return await self._guarded(request, desk, handler)

            return guarded

        for path, method, handler, is_stream in (
            ("/conversation", "GET", self._conversation, False),
            ("/messages", "POST", self._messages, True),
            ("/stream", "GET", self._stream, False),
            ("/restart", "POST", self._restart, False),
        ):
            # stream: the handler reads the body itself, and stops where it is too long.
            blueprint.add_route(route(handler), path, methods=[method], name=path[1:], stream=is_stream)

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

    async def _guarded(self, request: Request, desk: FrontDesk, handler: Handler) -> HTTPResponse | None:
        """Find the conversation, and turn whatever goes wrong into a sentence for the customer."""
        cookie = None
        try:
            with store_errors_end_the_turn():
                conversation_id, cookie = await self._visitors.identify(request)
                answer = await handler(request, desk, conversation_id, cookie)
        except RefusedError as refusal:
            answer = self._notice(request, refusal)
        except Exception:
            logger.exception("Web chat: a request failed.")
            answer = self._notice(request, RefusedError("failed", 500, retry_after=2))
        if answer is None:
            return None
        if cookie and "Set-Cookie" not in answer.headers:
            self._visitors.set_cookie(request, answer, cookie)
        answer.headers["Cache-Control"] = "no-store"
        return self._secured(answer)

    async def _conversation(
        self, request: Request, desk: FrontDesk, conversation_id: str, cookie: str | None
    ) -> HTTPResponse:
        items = [] if cookie else await desk.history(agent_of(request), conversation_id)
        turns = self._conversations.get(conversation_id).pending
        pending = [{"id": turn.message_id, "text": turn.text, "replies": turn.replies} for turn in turns]
        return json_response({"items": items[-_SHOWN_ITEMS:], "pending": pending})

    async def _messages(self, request: Request, desk: FrontDesk, conversation_id: str, _: str | None) -> HTTPResponse:
        message = Incoming.from_body(await self._body(request), self._settings.max_message_length)
        agent = agent_of(request)
        if not desk.is_known(conversation_id, message.message_id):
            self._visitors.count_message(request, conversation_id)
        turn = desk.accept(agent, conversation_id, message)
        if turn.task is not None:
            await asyncio.wait({turn.task}, timeout=_WAIT_SECONDS)
        body: dict[str, Any] = {"id": turn.message_id, "replies": turn.replies}
        if turn.task is not None and not turn.task.done():
            return json_response({**body, "done": False}, status=202)
        if turn.notice:
            body["notice"] = self._notices.text(turn.notice, _language(request))
        return json_response({**body, "done": True, "failed": turn.failed}, status=503 if turn.failed else 200)

    async def _restart(self, request: Request, desk: FrontDesk, conversation_id: str, _: str | None) -> HTTPResponse:
        answer = json_response({"items": [], "pending": []})
        self._visitors.set_cookie(request, answer, self._visitors.new_conversation(request)[1])
        return answer

    async def _stream(self, request: Request, desk: FrontDesk, conversation_id: str, cookie: str | None) -> None:
        if cookie:
            # A stream carries no cookie that a browser would keep: the page asks for the conversation first.
            raise RefusedError("no_conversation", 409)
        conversation = self._conversations.get(conversation_id)
        events = conversation.open_stream()
        # X-Accel-Buffering: nginx hands on each event at once.
        headers = {**self._page.security_headers, "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
        try:
            answer = await request.respond(content_type="text/event-stream", headers=headers)
            await answer.send(b"retry: 2000\n\n")
            while (event := await _next(events)) is not None:
                line = f"data: {json.dumps(event, ensure_ascii=False)}" if event else ": still here"
                await answer.send(f"{line}\n\n".encode())
            await answer.eof()
        finally:
            conversation.close_stream(events)

    # ------------------------------------------------------------------ requests and answers

    async def _body(self, request: Request) -> object:
        """Read the request's JSON, and no more of it than a message can need."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RefusedError("unreadable", 415)
        # A payload may be four times as long as a text, and JSON may write one character as \uXXXX\uXXXX.
        most, body = 4096 + 5 * 12 * self._settings.max_message_length, b""
        async for chunk in request.stream:  # type: ignore[union-attr]
            body += chunk
            if len(body) > most:
                raise RefusedError("too_long", 413, limit=self._settings.max_message_length)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise RefusedError("unreadable", 400) from error

    def _notice(self, request: Request, refusal: RefusedError) -> HTTPResponse:
        text = self._notices.text(refusal.notice, _language(request), **refusal.values)
        body = {"notice": text, "reason": refusal.notice, "retry_after": round(refusal.retry_after, 1)}
        answer = json_response(body, status=refusal.status)
        if refusal.retry_after:
            answer.headers["Retry-After"] = str(max(1, round(refusal.retry_after)))
        return answer

    def _secured(self, answer: HTTPResponse) -> HTTPResponse:
        answer.headers.update(self._page.security_headers)
        return answer


async def _next(events: asyncio.Queue[dict[str, Any] | None]) -> dict[str, Any] | None:
    """The next event; an empty one when there was none for a while; None at the end."""
    try:
        return await asyncio.wait_for(events.get(), _KEEP_ALIVE_SECONDS)
    except asyncio.TimeoutError:
        return {}


def _language(request: Request) -> str:
    return str(request.headers.get("accept-language", ""))
