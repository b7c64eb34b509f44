"""What Prometheus reads at `/metrics`."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
"""Of this server alone."""

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

REQUESTS = Counter("rasa_llm_requests", "Requests answered", ["path", "status"], registry=REGISTRY)
REQUEST_SECONDS = Histogram(
    "rasa_llm_request_seconds", "From a request's head to its answer", ["path"], buckets=_SECONDS, registry=REGISTRY
)
GONE = Counter("rasa_llm_clients_gone", "Requests whose client left before the answer", ["path"], registry=REGISTRY)
TEXTS = Counter("rasa_llm_texts_read", "Texts that passed an encoder", ["model"], registry=REGISTRY)
TOKENS = Counter("rasa_llm_tokens_read", "About how many tokens passed an encoder", ["model"], registry=REGISTRY)
PASSES = Counter("rasa_llm_passes", "Forward passes", ["model"], registry=REGISTRY)
PASS_SECONDS = Counter(
    "rasa_llm_pass_seconds", "Time spent in forward passes, of all threads", ["model"], registry=REGISTRY
)
WAITING = Gauge("rasa_llm_waiting_tokens", "About how many tokens wait for a pass", registry=REGISTRY)


def count_pass(model: str, texts: int, tokens: int, seconds: float) -> None:
    """Told by the queue after each pass."""
    PASSES.labels(model).inc()
    TEXTS.labels(model).inc(texts)
    TOKENS.labels(model).inc(tokens)
    PASS_SECONDS.labels(model).inc(seconds)


def exposition() -> bytes:
    """The page."""
    return generate_latest(REGISTRY)
