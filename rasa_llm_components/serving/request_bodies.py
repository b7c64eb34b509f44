"""What clients may send, checked before any work is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from rasa_llm_components.models.protocols import Kind
from rasa_llm_components.serving.refusals import RefusalError


@dataclass(frozen=True)
class EmbeddingsRequest:
    """Of `/v1/embeddings`.

    Attributes:
        model: name of an encoder.
        texts: one at least.
        encoding: how the vectors are written.
        kind: an addition to OpenAI's form: some encoders read questions and documents differently.
    """

    model: str
    texts: list[str]
    encoding: Literal["float", "base64"]
    kind: Kind

    @classmethod
    def parse(cls, body: bytes, limits: Mapping[str, Any]) -> EmbeddingsRequest:
        """Reads and checks. Raises RefusalError."""
        content = _object(body)
        encoding = content.get("encoding_format") or "float"
        if encoding not in ("float", "base64"):
            raise _wrong("encoding_format", "must be float or base64")
        kind = content.get("kind") or "query"
        if kind not in ("query", "passage"):
            raise _wrong("kind", "must be query or passage")
        if content.get("dimensions") is not None:
            raise _wrong("dimensions", "cannot be chosen: these encoders have vectors of one size")
        return cls(_name(content, "model"), _texts(content.get("input"), "input", limits), encoding, kind)  # type: ignore[arg-type]  # checked above


@dataclass(frozen=True)
class AnalyzeRequest:
    """Of `/v1/analyze`.

    Attributes:
        bot: name of a trained bot.
        texts: messages.
        vectors: whether to send the vectors too.
        ranking: intents to send, the likeliest first; 0 is all.
    """

    bot: str
    texts: list[str]
    vectors: bool
    ranking: int

    @classmethod
    def parse(cls, body: bytes, limits: Mapping[str, Any]) -> AnalyzeRequest:
        """Reads and checks. Raises RefusalError."""
        content = _object(body)
        vectors, ranking = content.get("vectors", True), content.get("ranking_length", 10)
        if not isinstance(vectors, bool):
            raise _wrong("vectors", "must be true or false")
        if not isinstance(ranking, int) or isinstance(ranking, bool) or ranking < 0:
            raise _wrong("ranking_length", "must be a whole number, 0 for all")
        return cls(_name(content, "bot"), _texts(content.get("texts"), "texts", limits), vectors, ranking)


def chat_request(body: bytes, limits: Mapping[str, Any]) -> dict[str, Any]:
    """Of `/v1/chat/completions`: what the generator will read, with a bound on the reply. Raises RefusalError."""
    content = _object(body)
    messages = content.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _wrong("messages", "must be a list of at least one message")
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise _wrong(f"messages.{number}", "must have a role and a content")
        if not isinstance(message.get("content"), (str, list)):
            raise _wrong(f"messages.{number}.content", "must be a text")
    for key in ("max_tokens", "max_completion_tokens"):
        asked = content.get(key)
        if asked is not None and (not isinstance(asked, int) or isinstance(asked, bool) or asked < 1):
            raise _wrong(key, "must be a whole number from 1 up")
    most = limits["reply_tokens"]
    asked = content.pop("max_completion_tokens", None) or content.get("max_tokens") or most
    if not isinstance(content.get("stream", False), bool):
        raise _wrong("stream", "must be true or false")
    return {**content, "model": _name(content, "model"), "max_tokens": min(asked, most)}


def _object(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except ValueError as error:
        raise RefusalError(400, f"the body is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise RefusalError(400, "the body must be a JSON object")
    return content


def _name(content: Mapping[str, Any], key: str) -> str:
    name = content.get(key) or ""
    if not isinstance(name, str):
        raise _wrong(key, "must be a text")
    return name


def _texts(given: Any, key: str, limits: Mapping[str, Any]) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise _wrong(key, "must be a text, or a list of at least one; lists of token numbers are not read")
    if len(texts) > limits["texts"]:
        raise RefusalError(413, f"{len(texts)} texts, and {limits['texts']} are taken at once", parameter=key)
    longest = max(map(len, texts))
    if longest > limits["letters"]:
        raise RefusalError(413, f"a text of {longest} letters, and {limits['letters']} are taken", parameter=key)
    return texts


def _wrong(key: str, problem: str) -> RefusalError:
    return RefusalError(422, f"`{key}` {problem}", parameter=key)
