"""Where a message spends its time: a span (OpenTelemetry) and a figure (Prometheus) for each step of its way.

Both libraries are optional; without them a step costs nothing. Spans go where OpenTelemetry's own environment variables
say; figures are read at the `Metrics` channel. No text of a message is in either.
"""

from __future__ import annotations

import contextvars
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

_NAME = "rasa_llm_components"
_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")


@contextmanager
def step(name: str, **facts: str | int | float | bool) -> Iterator[None]:
    """A step of a message's way, inside the one that runs now.

    Args:
        name: what is done: conversation, parse, encode, search, generate, check.
        facts: put on the span; never a text of a customer.
    """
    started = time.perf_counter()
    outcome = "failed"
    try:
        with _span(name, facts):
            yield
        outcome = "done"
    finally:
        histogram = _histogram()
        if histogram is not None:
            histogram.labels(name, outcome).observe(time.perf_counter() - started)


@contextmanager
def request(identity: str) -> Iterator[None]:
    """All steps inside belong to this request; servers that are asked are told its id."""
    token = _request_id.set(identity)
    try:
        yield
    finally:
        _request_id.reset(token)


def request_id() -> str:
    """Of the message that is being answered, or a new one."""
    return _request_id.get() or secrets.token_hex(8)


def exposition() -> tuple[bytes, str] | None:
    """The page for Prometheus and its content type; None where prometheus_client is not installed."""
    if _histogram() is None:
        return None
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return generate_latest(), CONTENT_TYPE_LATEST


def _span(name: str, facts: dict[str, Any]) -> Any:
    tracer = _tracer()
    return nullcontext() if tracer is None else tracer.start_as_current_span(name, attributes=facts)


@lru_cache(maxsize=1)
def _tracer() -> Any:
    try:
        from opentelemetry import trace
    except ImportError:
        return None
    return trace.get_tracer(_NAME)


@lru_cache(maxsize=1)
def _histogram() -> Any:
    try:
        from prometheus_client import Histogram
    except ImportError:
        return None
    return Histogram(
        "rasa_llm_step_seconds", "Seconds of a step of a message's way", ["step", "outcome"], buckets=_SECONDS
    )
