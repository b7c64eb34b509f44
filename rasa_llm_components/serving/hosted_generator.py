"""Text generators that many clients ask at the same time: llama.cpp in this process, or a server behind this one."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import orjson

from rasa_llm_components.models.llama_cpp import opened
from rasa_llm_components.models.weights import fingerprint
from rasa_llm_components.serving.refusals import RefusalError, overloaded

logger = logging.getLogger(__name__)

_GONE_AFTER = 2.0
"""Seconds in which a chunk must be taken over by a slow client before its generation stops."""
_CHUNKS_AHEAD = 256
_PLAIN = frozenset(
    ("model", "messages", "max_tokens", "temperature", "top_p", "seed", "stop", "stream", "user", "ignore_eos")
)
"""Keys of requests whose answer is one text."""


class HostedGenerator(Protocol):
    """`/v1/chat/completions` of one model."""

    name: str
    fingerprint: str

    async def complete(self, request: Mapping[str, Any]) -> bytes:
        """The whole answer, JSON. Raises RefusalError."""
        ...

    def stream(self, request: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The chunks, JSON each. Raises RefusalError before the first."""
        ...

    def close(self) -> None:
        """Stops."""
        ...


class LlamaCppGenerator:
    """A GGUF file in this process; `parallel` replies are written together, token by token (continuous batching)."""

    def __init__(
        self, name: str, weights: Path, *, context: int = 2048, parallel: int = 4, waiting: int = 16, threads: int = 0
    ) -> None:
        """Loads the weights.

        Args:
            name: by which clients ask for it.
            weights: a `.gguf` file.
            context: tokens of one prompt and its reply together.
            parallel: replies written at the same time.
            waiting: further requests that may wait; more are refused at once.
            threads: of the CPU; 0 is one for every two cores.

        Raises:
            MissingDependencyError: xllamacpp is not installed.
            WeightsNotFoundError: llama.cpp cannot read the file.
        """
        self._server = opened(weights, context=context, parallel=parallel, threads=threads)
        self.name, self.fingerprint = name, fingerprint(weights)
        self._threads = ThreadPoolExecutor(parallel, thread_name_prefix=f"generator-{name}")
        self._most, self._begun = parallel + waiting, 0

    async def complete(self, request: Mapping[str, Any]) -> bytes:
        """The whole answer, JSON. Raises RefusalError.

        A plain reply is written piece by piece as well: that ends when the client leaves.
        """
        if _PLAIN.issuperset(request):
            pieces = {**request, "stream": True, "stream_options": {"include_usage": True}}
            return _put_together([orjson.loads(part) async for part in self._answers(pieces)])
        parts = [part async for part in self._answers({**request, "stream": False})]
        return parts[-1] if parts else b"{}"

    async def stream(self, request: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The chunks, JSON each. Raises RefusalError before the first."""
        async for part in self._answers({**request, "stream": True}):
            yield part

    def close(self) -> None:
        """Lets what is being written end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answers(self, request: dict[str, Any]) -> AsyncIterator[bytes]:
        if self._begun >= self._most:
            raise overloaded(2)
        self._begun += 1
        reply = _Reply(request, asyncio.get_running_loop())
        self._threads.submit(reply.write, self._server, self._one_less)
        try:
            async for part in reply.parts():
                yield orjson.dumps({**part, "model": self.name})
        finally:
            reply.gone.set()

    def _one_less(self) -> None:
        self._begun -= 1


class _Reply:
    """One reply, handed from llama.cpp's thread to the server's loop."""

    def __init__(self, request: Mapping[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self._request, self._loop = dict(request), loop
        self._parts: asyncio.Queue[Any] = asyncio.Queue()
        self._room = threading.Semaphore(_CHUNKS_AHEAD)
        self.gone = threading.Event()
        self._cut_off = False

    def write(self, server: Any, at_the_end: Callable[[], None]) -> None:
        """In a thread, until the reply ends or nobody takes it."""
        end: RefusalError | None = None
        try:
            if not self.gone.is_set():
                server.handle_chat_completions(self._request, self._take)
        except (RuntimeError, ValueError) as error:
            end = RefusalError(400, f"llama.cpp: {error}")
        except Exception as error:  # whatever it is, the client must not wait for ever
            logger.exception("llama.cpp failed")
            end = RefusalError(500, f"llama.cpp: {type(error).__name__}", kind="server_error")
        if self._cut_off:
            end = RefusalError(408, "the reply was not taken quickly enough and has been cut off")
        with suppress(RuntimeError):  # the server's loop has ended
            self._loop.call_soon_threadsafe(self._parts.put_nowait, end)
            self._loop.call_soon_threadsafe(at_the_end)

    def _take(self, chunk: Any) -> bool:
        """Whether llama.cpp should stop."""
        for part in chunk if isinstance(chunk, list) else [chunk]:
            if self.gone.is_set():
                return True
            if not self._room.acquire(timeout=_GONE_AFTER):
                self._cut_off = True
                return True
            self._loop.call_soon_threadsafe(self._parts.put_nowait, part)
        return self.gone.is_set()

    async def parts(self) -> AsyncIterator[dict[str, Any]]:
        """As they come. Raises RefusalError."""
        while (part := await self._parts.get()) is not None:
            self._room.release()
            if isinstance(part, RefusalError):
                raise part
            if "choices" not in part:
                raise _refused(part)
            yield part


class ProxiedGenerator:
    """A generator of another server, such as vLLM, under this one's name, keys and limits."""

    def __init__(
        self, name: str, endpoint: str, *, model: str, api_key: str = "", most: int = 64, seconds: float = 120.0
    ) -> None:
        """Opens no connection yet.

        Args:
            name: by which clients ask for it.
            endpoint: the other server's address, up to and with `/v1`.
            model: its name there.
            api_key: sent as a bearer token.
            most: requests at the same time; more are refused at once.
            seconds: for a whole answer.
        """
        import httpx

        self.name, self.fingerprint = name, f"{endpoint}:{model}"
        self._model, self._most, self._begun = model, most, 0
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = httpx.AsyncClient(
            base_url=endpoint.rstrip("/") + "/",
            headers=headers,
            timeout=httpx.Timeout(seconds, connect=2.0),
            limits=httpx.Limits(max_connections=most),
        )

    async def complete(self, request: Mapping[str, Any]) -> bytes:
        """The whole answer, JSON. Raises RefusalError."""
        parts = [part async for part in self._answers({**request, "stream": False})]
        return b"".join(parts)

    async def stream(self, request: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The chunks, JSON each. Raises RefusalError before the first."""
        async for line in self._answers({**request, "stream": True}):
            data = line.removeprefix(b"data:").strip()
            if data and data != b"[DONE]":
                yield data

    def close(self) -> None:
        """The connections end with the process."""

    async def _answers(self, request: dict[str, Any]) -> AsyncIterator[bytes]:
        import httpx

        if self._begun >= self._most:
            raise overloaded(2)
        self._begun += 1
        try:
            async with self._client.stream(
                "POST", "chat/completions", json={**request, "model": self._model}
            ) as answer:
                if answer.status_code != 200:
                    raise _from_behind(answer.status_code, await answer.aread())
                async for line in answer.aiter_lines():
                    yield line.encode()
        except httpx.HTTPError as error:
            logger.warning("%s: the server behind it: %s: %s", self.name, type(error).__name__, error)
            raise RefusalError(
                503, "the server behind this model does not answer", kind="overloaded", retry_after=5
            ) from error
        finally:
            self._begun -= 1


def _put_together(pieces: Sequence[Mapping[str, Any]]) -> bytes:
    """The pieces of one reply as the answer that a client gets who did not ask for pieces."""
    if not pieces:
        return b"{}"
    choices = [choice for piece in pieces for choice in piece["choices"]]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    ended = next((choice["finish_reason"] for choice in reversed(choices) if choice["finish_reason"]), "stop")
    usage = next((piece["usage"] for piece in reversed(pieces) if piece.get("usage")), None)
    message = {"role": "assistant", "content": text}
    answer = {key: pieces[0][key] for key in ("id", "created", "model") if key in pieces[0]}
    choice = {"index": 0, "message": message, "finish_reason": ended}
    return orjson.dumps({**answer, "object": "chat.completion", "choices": [choice], "usage": usage})


def _refused(part: Mapping[str, Any]) -> RefusalError:
    error = part.get("error", part)
    known = isinstance(error, Mapping)
    code = error.get("code") if known else None
    return RefusalError(
        int(code) if isinstance(code, int) and 400 <= code < 600 else 500,
        str(error.get("message", error) if known else error)[:300],
        kind=str(error.get("type", "server_error")) if known else "server_error",
    )


def _from_behind(status: int, body: bytes) -> RefusalError:
    try:
        message = str(orjson.loads(body)["error"]["message"])[:300]
    except (ValueError, KeyError, TypeError):
        message = f"the server behind this model answered with HTTP {status}"
    return RefusalError(status if status in {400, 413, 422, 429, 503} else 502, message, kind="server_error")
