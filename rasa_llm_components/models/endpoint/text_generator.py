"""Text from `/v1/chat/completions`."""

from __future__ import annotations

from collections.abc import Sequence

from rasa_llm_components.errors import EndpointError, GenerationError
from rasa_llm_components.models.endpoint.connection import READ_TIMEOUT, Connection
from rasa_llm_components.models.protocols import ChatMessage

_PATH = "chat/completions"
_MOST_BYTES = 1_000_000


class EndpointTextGenerator:
    """A generator behind a server. Nothing is tried twice: the customer is waiting.

    A server that did not answer is left alone until it is back (`Connection`); meanwhile every reply fails at once
    and the customer gets a quoted passage without waiting.
    """

    def __init__(self, connection: Connection, model: str, *, read_timeout: float = READ_TIMEOUT) -> None:
        """Opens no connection yet: a server that is away when the bot starts may come later.

        Args:
            connection: to the server.
            model: its name on the server.
            read_timeout: seconds for a whole reply, where a call gives no time of its own.
        """
        self._connection, self._model, self._read_timeout = connection, model, read_timeout
        self.fingerprint = f"{connection.address}:{model}"
        connection.look = self._look

    def generate(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int = 200,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        timeout: float | None = None,
    ) -> str:
        """The reply to `messages`. Raises GenerationError when the server fails or time is up."""
        if self._connection.is_broken:
            raise GenerationError(f"{self._connection.address}: the server is away.")
        request = {
            "model": self._model,
            "messages": [dict(message) for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stop": list(stop) or None,
            "seed": seed,
        }
        limit = self._read_timeout if timeout is None else timeout
        try:
            answer, _ = self._connection.post(_PATH, request, seconds=limit, most_bytes=_MOST_BYTES)
        except EndpointError as error:
            if error.is_away:
                self._connection.break_off(str(error))
            raise GenerationError(str(error)) from error
        try:
            text = answer["choices"][0]["message"]["content"]
        except (TypeError, IndexError, KeyError) as error:
            raise GenerationError(f"{self._connection.address}{_PATH}: {type(error).__name__}: {error}") from error
        if not isinstance(text, str):
            raise GenerationError(f"{self._connection.address}{_PATH}: the answer holds no text.")
        return text.strip()

    def _look(self) -> None:
        """Any answer says that somebody is there: not every server lists its models."""
        try:
            self._connection.get("models", seconds=2.0)
        except EndpointError as error:
            if not error.status:
                raise
