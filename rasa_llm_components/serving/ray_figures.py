"""`/metrics` of all replicas on one page: a scraper reaches one of them, and never twice the same.

Each replica sends its figures every few seconds to `Figures`, one small process; whichever replica is asked for the
page fetches it there. A figure has a label `replica`, so that Prometheus adds them up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.core import Metric
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rasa_llm_components.serving import metrics

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN = 5.0
_FORGOTTEN_AFTER = 60.0
"""Seconds after which the figures of a replica that has ended are left out."""
_LONGEST = 2.0
"""Seconds in which `Figures` must answer."""


class Figures:
    """The latest figures of every replica. What it held comes again within seconds when it has to start anew."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[float, list[Metric]]] = {}

    async def keep(self, replica: str, families: list[Metric]) -> None:
        """Takes a replica's figures."""
        now = time.monotonic()
        self._of[replica] = (now, families)
        self._of = {name: kept for name, kept in self._of.items() if now - kept[0] < _FORGOTTEN_AFTER}

    async def page(self) -> bytes:
        """What Prometheus reads."""
        return generate_latest(self)  # type: ignore[arg-type]  # of a registry it uses `collect` alone

    def collect(self) -> Iterator[Metric]:
        """Each kind of figure once, with the samples of all replicas."""
        together: dict[str, Metric] = {}
        for replica, (_, families) in self._of.items():
            for family in families:
                one = together.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                one.samples += [
                    sample._replace(labels={**sample.labels, "replica": replica}) for sample in family.samples
                ]
        yield from together.values()


class FiguresOfReplica:
    """Sends a replica's figures, and fetches everybody's."""

    def __init__(self, figures: Any, replica: str, waiting_tokens: Any) -> None:
        """Sends nothing yet.

        Args:
            figures: handle of `Figures`.
            replica: this one's name.
            waiting_tokens: function without arguments that tells how many there are.
        """
        self._figures, self._replica, self._waiting_tokens = figures, replica, waiting_tokens

    def put_into(self, application: Starlette) -> None:
        """Answers `/metrics` instead of the application, and sends figures from its start on."""
        application.router.routes.insert(0, Route("/metrics", self._page))
        lifespan = application.router.lifespan_context

        @asynccontextmanager
        async def longer(of: Starlette) -> AsyncIterator[Any]:
            async with lifespan(of) as state:
                sending = asyncio.create_task(self._send_for_ever())
                yield state
                sending.cancel()

        application.router.lifespan_context = longer

    async def _page(self, _: Request) -> Response:
        try:
            await self._send()
            page = await asyncio.wait_for(self._figures.page.remote(), _LONGEST)
        except (RayError, RayServeException, asyncio.TimeoutError):
            logger.warning("The figures of the other replicas cannot be had.")
            page = metrics.exposition()
        return Response(page, media_type=metrics.CONTENT_TYPE)

    async def _send(self) -> None:
        metrics.WAITING.set(self._waiting_tokens())
        families: Iterable[Metric] = metrics.REGISTRY.collect()
        await asyncio.wait_for(self._figures.keep.remote(self._replica, list(families)), _LONGEST)

    async def _send_for_ever(self) -> None:
        while True:
            try:
                await self._send()
            except (RayError, RayServeException, asyncio.TimeoutError) as error:
                logger.debug("The figures were not taken: %s", error)
            await asyncio.sleep(_SECONDS_BETWEEN)
