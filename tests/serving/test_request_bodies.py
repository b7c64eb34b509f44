"""What clients send: wrong bodies get a status and the name of the parameter before any work is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from rasa_llm_components.serving.refusals import RefusalError
from rasa_llm_components.serving.request_bodies import AnalyzeRequest, EmbeddingsRequest, chat_request

LIMITS = {"texts": 3, "letters": 10, "reply_tokens": 100}
ASKED = [{"role": "user", "content": "hello"}]


def refusal(parse: Callable[..., Any], body: Any) -> RefusalError:
    with pytest.raises(RefusalError) as refused:
        parse(body if isinstance(body, bytes) else orjson.dumps(body), LIMITS)
    return refused.value


def parameter(error: RefusalError) -> str | None:
    found: str | None = error.body["error"]["param"]
    return found


@pytest.mark.parametrize("parse", [EmbeddingsRequest.parse, AnalyzeRequest.parse, chat_request])
@pytest.mark.parametrize(
    "body", [b"", b"hello", b'{"input": "hello"', b"\xff\xfe", b"[]", b"null", b'"hello"', b"[" * 5000]
)
def test_what_is_no_json_object_is_400(parse: Callable[..., Any], body: bytes) -> None:
    assert refusal(parse, body).status == 400


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({}, 422, "input"),
        ({"input": ""}, None, None),
        ({"input": None}, 422, "input"),
        ({"input": []}, 422, "input"),
        ({"input": [1, 2]}, 422, "input"),
        ({"input": [[1, 2]]}, 422, "input"),
        ({"input": ["a", None]}, 422, "input"),
        ({"input": {"text": "a"}}, 422, "input"),
        ({"input": ["a"] * 3}, None, None),
        ({"input": ["a"] * 4}, 413, "input"),
        ({"input": "x" * 10}, None, None),
        ({"input": ["a", "x" * 11]}, 413, "input"),
        ({"input": "a", "model": 3}, 422, "model"),
        ({"input": "a", "model": ["m"]}, 422, "model"),
        ({"input": "a", "encoding_format": "hex"}, 422, "encoding_format"),
        ({"input": "a", "encoding_format": ["float"]}, 422, "encoding_format"),
        ({"input": "a", "kind": "title"}, 422, "kind"),
        ({"input": "a", "dimensions": 64}, 422, "dimensions"),
        ({"input": "a", "dimensions": None, "user": "somebody"}, None, None),
    ],
)
def test_embeddings(body: dict[str, Any], status: int | None, named: str | None) -> None:
    if status is None:
        assert EmbeddingsRequest.parse(orjson.dumps(body), LIMITS)
        return
    error = refusal(EmbeddingsRequest.parse, body)
    assert (error.status, parameter(error)) == (status, named)


def test_embeddings_are_questions_as_numbers_of_the_only_model_unless_another_thing_is_written() -> None:
    assert EmbeddingsRequest.parse(b'{"input": "hello"}', LIMITS) == EmbeddingsRequest("", ["hello"], "float", "query")
    body = {"input": ["a", "b"], "model": "minilm", "encoding_format": "base64", "kind": "passage"}
    assert EmbeddingsRequest.parse(orjson.dumps(body), LIMITS) == EmbeddingsRequest(
        "minilm", ["a", "b"], "base64", "passage"
    )


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({}, 422, "texts"),
        ({"texts": "hello"}, None, None),
        ({"texts": []}, 422, "texts"),
        ({"texts": [True]}, 422, "texts"),
        ({"texts": ["a"] * 4}, 413, "texts"),
        ({"texts": ["x" * 11]}, 413, "texts"),
        ({"texts": ["a"], "bot": 7}, 422, "bot"),
        ({"texts": ["a"], "vectors": "no"}, 422, "vectors"),
        ({"texts": ["a"], "vectors": 0}, 422, "vectors"),
        ({"texts": ["a"], "ranking_length": -1}, 422, "ranking_length"),
        ({"texts": ["a"], "ranking_length": True}, 422, "ranking_length"),
        ({"texts": ["a"], "ranking_length": 2.5}, 422, "ranking_length"),
    ],
)
def test_analyze(body: dict[str, Any], status: int | None, named: str | None) -> None:
    if status is None:
        assert AnalyzeRequest.parse(orjson.dumps(body), LIMITS) == AnalyzeRequest("", ["hello"], True, 10)
        return
    error = refusal(AnalyzeRequest.parse, body)
    assert (error.status, parameter(error)) == (status, named)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["hello"]}, "messages.0"),
        ({"messages": [*ASKED, {"content": "hello"}]}, "messages.1"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages.0.content"),
        ({"messages": ASKED, "model": 3}, "model"),
        ({"messages": ASKED, "max_tokens": 0}, "max_tokens"),
        ({"messages": ASKED, "max_tokens": "many"}, "max_tokens"),
        ({"messages": ASKED, "max_tokens": True}, "max_tokens"),
        ({"messages": ASKED, "max_completion_tokens": -1}, "max_completion_tokens"),
        ({"messages": ASKED, "stream": "yes"}, "stream"),
    ],
)
def test_chat(body: dict[str, Any], named: str) -> None:
    error = refusal(chat_request, body)
    assert (error.status, parameter(error)) == (422, named)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ({}, 100),
        ({"max_tokens": 7}, 7),
        ({"max_tokens": 5000}, 100),
        ({"max_completion_tokens": 7}, 7),
        ({"max_completion_tokens": 5000}, 100),
        ({"max_completion_tokens": 7, "max_tokens": 9}, 7),
    ],
)
def test_a_reply_is_never_longer_than_the_limit(asked: dict[str, int], granted: int) -> None:
    given = chat_request(orjson.dumps({"messages": ASKED, "temperature": 0.5, **asked}), LIMITS)
    assert given == {"messages": ASKED, "temperature": 0.5, "model": "", "max_tokens": granted}
