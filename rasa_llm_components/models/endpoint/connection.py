"""One server as this process sees it: whether it is there, how long it may take, and what it answers."""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, TypeVar

from rasa_llm_components.errors import ConfigurationError, EndpointError, MissingDependencyError
from rasa_llm_components.steps import request_id

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 2.0
"""Seconds to wait for a connection."""
READ_TIMEOUT = 8.0
"""Seconds to wait for an answer."""

_TRIES, _FIRST_PAUSE, _LONGEST_PAUSE = 3, 0.05, 0.4
"""Of a request that changes nothing; pauses in seconds."""
_LOOK_AGAIN = (0.5, 5.0)
"""Seconds from one look at a server that was away to the next: the first, and at most."""
_AT_ONCE = 8
"""Requests with a time limit of their own that may be under way; a hanging one keeps its thread until it gives up."""

Result = TypeVar("Result")


class Connection:
    """Requests to one server, with a circuit breaker in front of them.

    After a failure nobody waits for the server any more: requests fail at once, and a thread looks now and then
    whether it is back. So a server that hangs costs one conversation its time limit once, and the others nothing.
    """

    def __init__(self, client: httpx.Client, *, connect_timeout: float) -> None:
        """Opens no connection yet. Use `connect`.

        Args:
            client: of the server's address.
            connect_timeout: seconds.
        """
        import pybreaker

        self._client, self._connect_timeout = client, connect_timeout
        self.address = str(client.base_url)
        # It is closed by a look at the server in a thread, never by a customer's request.
        self._breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=float("inf"), name=self.address)
        self._looking = threading.Lock()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="endpoint")
        self.look: Callable[[], None] = lambda: None
        """Raises EndpointError while the server is not as it should be; set by whoever uses the connection."""

    @property
    def is_broken(self) -> bool:
        """Whether requests fail at once."""
        return bool(self._breaker.current_state == "open")

    def break_off(self, reason: str) -> None:
        """No more requests until `look` is content."""
        if not self.is_broken:
            logger.warning("%s: %s. It is left alone until it is back.", self.address, reason)
            self._breaker.open()
        if self._looking.acquire(blocking=False):
            threading.Thread(target=self._look_again, name="endpoint-look", daemon=True).start()

    def within(self, seconds: float, work: Callable[[], Result]) -> Result:
        """The result of requests, or an error when the time is up, whatever they hang on.

        Args:
            seconds: at most.
            work: raises EndpointError.

        Raises:
            EndpointError: it failed, took too long, or the server is known to be away.
        """
        if self.is_broken:
            raise EndpointError(f"{self.address}: the server is away.")
        future = self._threads.submit(contextvars.copy_context().run, work)
        try:
            return future.result(timeout=seconds)
        except FutureTimeoutError as error:
            future.cancel()
            self.break_off(f"no answer within {seconds:g} seconds")
            raise EndpointError(f"{self.address}: no answer within {seconds:g} seconds.") from error
        except EndpointError as error:
            if not error.is_passing:
                self.break_off(str(error))
            raise

    def post(self, path: str, body: Mapping[str, Any], *, seconds: float, most_bytes: int) -> tuple[Any, Any]:
        """Sends one request.

        Args:
            path: below `/v1`.
            body: sent as JSON.
            seconds: until the whole answer must be there.
            most_bytes: of the answer; a larger one is not read to its end.

        Returns:
            The answer's JSON and its headers.

        Raises:
            EndpointError: no answer in time, or one that is no JSON, too large or an error.
        """
        return self._ask("POST", path, body, seconds, most_bytes)

    def get(self, path: str, *, seconds: float) -> Any:
        """Likewise, without a body; returns the answer's JSON."""
        return self._ask("GET", path, None, seconds, 4_000_000)[0]

    def post_again(self, path: str, body: Mapping[str, Any], *, seconds: float, most_bytes: int) -> tuple[Any, Any]:
        """Like `post`, and again after a short while where the server said that it is busy or broke off.

        Only for requests that change nothing. The pause is drawn at random, so that those who were refused together
        do not come back together.
        """
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

        end = time.monotonic() + seconds
        tries = Retrying(
            stop=stop_after_attempt(_TRIES) | stop_after_delay(seconds),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE, max=_LONGEST_PAUSE),
            retry=retry_if_exception(lambda error: getattr(error, "may_be_tried_again", False)),
            reraise=True,
        )
        return tries(lambda: self.post(path, body, seconds=end - time.monotonic(), most_bytes=most_bytes))

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float, most_bytes: int
    ) -> tuple[Any, Any]:
        identity = request_id()
        try:
            return self._answer(method, path, body, seconds, most_bytes, identity)
        except EndpointError as error:
            # Looks at a server that is known to be away need no line each.
            logger.log(logging.DEBUG if self.is_broken else logging.WARNING, "Request %s: %s", identity, error)
            raise

    def _answer(
        self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float, most_bytes: int, identity: str
    ) -> tuple[Any, Any]:
        import httpx

        end, left = time.monotonic() + seconds, max(seconds, 0.001)
        timeout = httpx.Timeout(left, connect=min(self._connect_timeout, left))
        headers = {"X-Request-ID": identity}
        try:
            with self._client.stream(method, path, json=body, headers=headers, timeout=timeout) as answer:
                content = b"".join(_until(end, most_bytes, answer.iter_bytes()))
        except _TooLateError as error:
            raise EndpointError(f"{self.address}{path}: no whole reply within {seconds:.1f} seconds.") from error
        except _TooLargeError as error:
            raise EndpointError(f"{self.address}{path}: the reply is larger than {most_bytes} bytes.") from error
        except httpx.HTTPError as error:
            again = not isinstance(error, httpx.TimeoutException)
            raise EndpointError(f"{self.address}{path}: {_name(error)}: {error}", may_be_tried_again=again) from error
        if answer.status_code != 200:
            raise EndpointError(f"{self.address}{path}: HTTP {answer.status_code}", status=answer.status_code)
        try:
            return json.loads(content), answer.headers
        except ValueError as error:
            raise EndpointError(f"{self.address}{path}: {error}") from error

    def _look_again(self) -> None:
        pause, most = _LOOK_AGAIN
        told = ""
        try:
            while True:
                time.sleep(pause)
                pause = min(2 * pause, most)
                try:
                    self.look()
                except EndpointError as error:
                    if str(error) != told:
                        told = str(error)
                        logger.warning("%s: still not used: %s", self.address, error)
                    continue
                break
        finally:
            self._looking.release()
        self._breaker.close()
        logger.warning("%s: the server is back.", self.address)


def connect(
    endpoint: str,
    *,
    api_key: str = "",
    connect_timeout: float = CONNECT_TIMEOUT,
) -> Connection:
    """A connection to an OpenAI-compatible server; nothing is sent yet.

    Args:
        endpoint: the address up to and with `/v1`.
        api_key: sent as a bearer token; empty for servers without one.
        connect_timeout: seconds.

    Raises:
        ConfigurationError: not an http(s) address.
        MissingDependencyError: httpx or pybreaker is not installed.
    """
    if not str(endpoint).startswith(("http://", "https://")):
        raise ConfigurationError(
            "this is no http address.", key="endpoint", value=endpoint, fix="Write http://host:port/v1"
        )
    try:
        import httpx
        import pybreaker  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"endpoints need the {error.name} package.",
            key="endpoint",
            value=endpoint,
            fix='Run: pip install "rasa-llm-components[endpoint]"',
        ) from error
    if logging.getLogger("httpx").level == logging.NOTSET:  # it writes a line for each request into Rasa's log
        logging.getLogger("httpx").setLevel(logging.WARNING)
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
    client = httpx.Client(base_url=endpoint, headers=headers, limits=limits)
    return Connection(client, connect_timeout=connect_timeout)


class _TooLateError(Exception):
    pass


class _TooLargeError(Exception):
    pass


def _until(end: float, most_bytes: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Passes chunks on until the time is up: a read timeout counts anew with every byte that comes."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if time.monotonic() > end:
            raise _TooLateError
        if size > most_bytes:
            raise _TooLargeError
        yield chunk


def _name(error: Exception) -> str:
    return {"ConnectError": "Connection failed", "ConnectTimeout": "Timed out", "ReadTimeout": "Timed out"}.get(
        type(error).__name__, type(error).__name__
    )
