"""Generators in replicas of their own, and how the encoders' replicas pass their replies on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from ray.exceptions import RayError
from ray.serve.exceptions import BackPressureError, RayServeException

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.weights import find_weights, fingerprint
from rasa_llm_components.serving.catalogue import Catalogue
from rasa_llm_components.serving.refusals import RefusalError, overloaded
from rasa_llm_components.serving.settings import ServeSettings


def written_here(generators: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Of these generators, those that write in a process of ours, not behind an endpoint."""
    return {name: keys for name, keys in generators.items() if not keys["endpoint"]}


class Generators:
    """A replica: the weights of all generators that have no endpoint."""

    def __init__(self, settings: ServeSettings) -> None:
        """Loads them. Raises ConfigurationError."""
        self._catalogue = Catalogue.load(settings)

    async def answer(self, name: str, request: Mapping[str, Any]) -> AsyncIterator[bytes | dict[str, Any]]:
        """The pieces of a reply, JSON each; one where it was not asked for piece by piece.

        A refusal comes as a piece too, `RefusalError`'s arguments: Ray would wrap an exception in one of its own.
        """
        try:
            generator = self._catalogue.generator(name)
            if not request.get("stream"):
                yield await generator.complete(request)
                return
            async for piece in generator.stream(request):
                yield piece
        except RefusalError as refusal:
            error = refusal.body["error"]
            yield {
                "status": refusal.status,
                "message": error["message"],
                "kind": error["type"],
                "parameter": error["param"],
                "retry_after": refusal.retry_after,
            }


class PassedOnGenerator:
    """One of those generators, as a `HostedGenerator` of another replica."""

    def __init__(self, name: str, model: str, generators: Any) -> None:
        """Asks nothing yet.

        Args:
            name: by which clients ask for it.
            model: its weights; their fingerprint is left empty where this machine has them not.
            generators: handle of `Generators`.
        """
        self.name = name
        self._handle = generators.options(stream=True)
        try:
            self.fingerprint = fingerprint(find_weights(model))
        except ConfigurationError:
            self.fingerprint = ""

    async def complete(self, request: Mapping[str, Any]) -> bytes:
        """The whole answer, JSON. Raises RefusalError."""
        return b"".join([piece async for piece in self._pieces({**request, "stream": False})])

    async def stream(self, request: Mapping[str, Any]) -> AsyncIterator[bytes]:
        """The chunks, JSON each. Raises RefusalError before the first."""
        async for piece in self._pieces({**request, "stream": True}):
            yield piece

    def close(self) -> None:
        """The generator goes on: it is not this replica's."""

    async def _pieces(self, request: dict[str, Any]) -> AsyncIterator[bytes]:
        reply = self._handle.answer.remote(self.name, request)
        try:
            async for piece in reply:
                if isinstance(piece, dict):
                    raise RefusalError(**piece)
                yield piece
        except BackPressureError as error:
            raise overloaded(2) from error
        except (RayError, RayServeException) as error:
            raise RefusalError(
                503, "the process that wrote this reply has ended", kind="server_error", retry_after=2
            ) from error
        finally:
            with suppress(RayServeException):  # told again, where no replica has taken the request
                reply.cancel()  # a client that has gone must not keep the generator at work
