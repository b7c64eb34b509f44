"""Prometheus reads the figures of this Rasa server at `/webhooks/metrics/`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, raw, text

from rasa_llm_components.steps import exposition


class Metrics(InputChannel):
    """No messages come this way. In credentials.yml: `rasa_llm_components.channels.Metrics:`."""

    @classmethod
    def name(cls) -> str:
        """The part of the address after /webhooks/."""
        return "metrics"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The page."""
        blueprint = Blueprint("rasa_llm_metrics", __name__)

        @blueprint.route("/", methods=["GET"])
        async def metrics(_: Request) -> HTTPResponse:
            page = exposition()
            if page is None:
                return text('prometheus_client is not installed: pip install "rasa-llm-components[tracing]"\n', 501)
            return raw(page[0], content_type=page[1])

        return blueprint
