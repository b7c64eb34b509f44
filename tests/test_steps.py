"""Spans and figures of a message's way, with OpenTelemetry's and Prometheus' own libraries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sanic import Sanic

from rasa_llm_components.channels import Metrics
from rasa_llm_components.nlg.threads import Threads
from rasa_llm_components.steps import request, request_id, step

_EXPORTER = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def provider() -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(_EXPORTER))
    trace.set_tracer_provider(provider)


@pytest.fixture
def spans() -> Iterator[Any]:
    _EXPORTER.clear()
    return lambda: {span.name: span for span in _EXPORTER.get_finished_spans()}


def test_a_step_inside_a_step_is_its_child_also_in_another_thread(spans: Any) -> None:
    async def message() -> None:
        def work() -> None:
            with step("check"):
                pass

        with step("conversation", channel="web chat"):
            with step("search"):
                pass
            await Threads(1, "test").run(work, wait=1, limit=1)

    asyncio.run(message())
    found = spans()
    for name in ("search", "check"):
        assert found[name].parent.span_id == found["conversation"].context.span_id
    assert dict(found["conversation"].attributes) == {"channel": "web chat"}


def test_a_step_that_fails_is_marked_and_its_error_goes_on(spans: Any) -> None:
    def fails() -> None:
        with step("generate"):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fails()
    assert not spans()["generate"].status.is_ok


def test_servers_are_told_the_messages_own_id_and_otherwise_a_new_one() -> None:
    with request("message-7"):
        assert request_id() == "message-7"
    assert request_id() != request_id()


def test_prometheus_reads_the_seconds_of_each_step() -> None:
    with step("encode"):
        pass
    app = Sanic("metrics_of_a_test")
    app.blueprint(Metrics().blueprint(lambda _: None), url_prefix="/webhooks/metrics")
    [route] = app.router.routes
    assert route.path == "webhooks/metrics"
    answer = asyncio.run(route.handler(None))
    assert b'rasa_llm_step_seconds_count{outcome="done",step="encode"}' in answer.body
