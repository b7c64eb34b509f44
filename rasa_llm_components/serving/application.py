"""The HTTP interface: OpenAI's paths, `/v1/analyze` for trained bots, health and metrics."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from rasa_llm_components.models.endpoint.encoder import FINGERPRINT_HEADER
from rasa_llm_components.serving import metrics
from rasa_llm_components.serving.api_keys import ApiKeys
from rasa_llm_components.serving.catalogue import Catalogue
from rasa_llm_components.serving.refusals import RefusalError, overloaded
from rasa_llm_components.serving.request_bodies import AnalyzeRequest, EmbeddingsRequest, chat_request
from rasa_llm_components.serving.settings import ServeSettings
from rasa_llm_components.serving.work_queue import about_tokens
from rasa_llm_components.version import __version__

logger = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"

_WORK = {"/v1/embeddings", "/v1/analyze"}
"""Paths that are refused before their body is read while the queues are full."""

Handler = Callable[[Request], Awaitable[Response]]


def application(
    catalogue: Catalogue, keys: ApiKeys | None = None, *, settings: Callable[[], ServeSettings] | None = None
) -> Starlette:
    """The ASGI application.

    Args:
        catalogue: what is served.
        keys: who may ask; None is everybody.
        settings: gives what is to be served after a SIGHUP; None does not listen to it.
    """
    server = _Server(catalogue, keys, settings)
    routes = [
        Route("/v1/embeddings", server.guarded(server.embeddings), methods=["POST"]),
        Route("/v1/analyze", server.guarded(server.analyze), methods=["POST"]),
        Route("/v1/chat/completions", server.guarded(server.chat), methods=["POST"]),
        Route("/v1/models", server.guarded(server.models)),
        Route("/health/live", server.live),
        Route("/health/ready", server.ready),
        Route("/metrics", server.metrics),
    ]
    return Starlette(routes=routes, lifespan=server.lifespan)


class _Server:
    def __init__(
        self, catalogue: Catalogue, keys: ApiKeys | None, settings: Callable[[], ServeSettings] | None
    ) -> None:
        self._catalogue, self._keys, self._settings = catalogue, keys, settings

    @property
    def _limits(self) -> Mapping[str, Any]:
        return self._catalogue.settings.limits

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Looks for newer models while the server runs."""
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(self._catalogue.watch_bots())
        if self._settings:
            loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, self._take_settings))
        yield
        task.cancel()
        self._catalogue.close()

    def _take_settings(self) -> None:
        assert self._settings is not None
        try:
            self._catalogue.take(self._settings())
        except Exception as error:  # the server goes on with what it has
            logger.error("The settings are not taken, everything stays as it was: %s", error)
        else:
            logger.warning("The settings have been taken.")

    def guarded(self, handler: Handler) -> Handler:
        """A handler behind the keys and limits, with its refusals told, counted and logged."""

        async def handle(request: Request) -> Response:
            started, path = time.perf_counter(), request.url.path
            request_id = request.headers.get(REQUEST_ID, "")[:64] or secrets.token_hex(8)
            try:
                if path in _WORK and self._catalogue.is_full:
                    raise overloaded(1)
                if self._keys:
                    self._keys.check(request.headers.get("authorization", ""))
                response = await handler(request)
            except RefusalError as refusal:
                response = _json(refusal.body, refusal.status, refusal.headers)
            except ClientDisconnect:
                metrics.GONE.labels(path).inc()
                response = Response(status_code=499)
            except Exception as error:
                logger.exception("%s %s", path, request_id)
                failure = RefusalError(500, f"the server failed: {type(error).__name__}", kind="server_error")
                response = _json(failure.body, 500)
            response.headers[REQUEST_ID] = request_id
            seconds = time.perf_counter() - started
            metrics.REQUESTS.labels(path, response.status_code).inc()
            metrics.REQUEST_SECONDS.labels(path).observe(seconds)
            logger.info("%s %s %d %.1f ms", path, request_id, response.status_code, seconds * 1000)
            return response

        return handle

    async def embeddings(self, request: Request) -> Response:
        """Vectors of texts."""
        asked = EmbeddingsRequest.parse(await self._body(request), self._limits)
        encoder = self._catalogue.encoder(asked.model)
        vectors = await _unless_gone(request, encoder.embed(asked.texts, asked.kind))
        written: list[Any] = (
            [base64.b64encode(vector.tobytes()).decode() for vector in vectors]
            if asked.encoding == "base64"
            else list(vectors)
        )
        rows = [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(written)]
        tokens = sum(map(about_tokens, asked.texts))
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        written_by = {FINGERPRINT_HEADER: encoder.fingerprint}
        return _json({"object": "list", "model": encoder.name, "data": rows, "usage": usage}, headers=written_by)

    async def analyze(self, request: Request) -> Response:
        """Vector, intents and sentiment of messages, as a trained bot reads them."""
        asked = AnalyzeRequest.parse(await self._body(request), self._limits)
        bot = self._catalogue.bot(asked.bot)
        found = await _unless_gone(request, bot.analyse(asked.texts))
        results = []
        for one in found:
            kept = {key: value for key, value in one.items() if key != "vector" or asked.vectors}
            if "intent_ranking" in kept:
                kept["intent_ranking"] = kept["intent_ranking"][: asked.ranking or None]
            results.append(kept)
        about = {"bot": bot.name, "version": bot.bot.version, "fingerprint": bot.host.fingerprint}
        return _json({**about, "results": results})

    async def chat(self, request: Request) -> Response:
        """A reply, whole or piece by piece."""
        asked = chat_request(await self._body(request), self._limits)
        generator = self._catalogue.generator(asked["model"])
        if not asked.get("stream"):
            return Response(await _unless_gone(request, generator.complete(asked)), media_type="application/json")
        chunks = generator.stream(asked)
        first = await _unless_gone(request, _first(chunks))  # a refusal still has a status of its own
        return StreamingResponse(_events(first, chunks), media_type="text/event-stream")

    async def models(self, _: Request) -> Response:
        """What is served, with the fingerprints of the weights."""
        return _json({"object": "list", "data": self._catalogue.listed()})

    async def live(self, _: Request) -> Response:
        """The process answers."""
        return _json({"status": "live", "version": __version__})

    async def ready(self, _: Request) -> Response:
        """Whether more work is taken: a load balancer sends it elsewhere while it is not."""
        full = self._catalogue.is_full
        return _json({"status": "full" if full else "ready"}, 503 if full else 200)

    async def metrics(self, _: Request) -> Response:
        """For Prometheus."""
        metrics.WAITING.set(self._catalogue.waiting_tokens)
        return Response(metrics.exposition(), media_type=metrics.CONTENT_TYPE)

    async def _body(self, request: Request) -> bytes:
        """The whole body. Raises RefusalError when it is too large, before all of it has come."""
        most = self._limits["body_bytes"]
        too_large = RefusalError(413, f"the body is larger than {most} bytes")
        if int(request.headers.get("content-length") or 0) > most:
            raise too_large
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise too_large
            parts.append(part)
        return b"".join(parts)


async def _unless_gone(request: Request, work: Coroutine[Any, Any, Any]) -> Any:
    """The result of the work, which is given up when the client has gone.

    Raises:
        ClientDisconnect: it has.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        for one in (task, gone):
            if not one.done():
                one.cancel()


async def _first(chunks: AsyncIterator[bytes]) -> bytes:
    async for chunk in chunks:
        return chunk
    return b""


async def _events(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Server-sent events, ended as OpenAI's API ends them."""
    try:
        if first:
            yield b"data: " + first + b"\n\n"
        async for chunk in chunks:
            yield b"data: " + chunk + b"\n\n"
        yield b"data: [DONE]\n\n"
    except RefusalError as refusal:  # the head has gone out already
        yield b"data: " + orjson.dumps(refusal.body) + b"\n\n"
    finally:
        with suppress(AttributeError):
            await chunks.aclose()  # type: ignore[attr-defined]


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    written = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(written, status, headers, media_type="application/json")
