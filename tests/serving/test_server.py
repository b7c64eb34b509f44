"""A running `rasa-llm serve`, asked with OpenAI's own client and with plain HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from rasa_llm_components.models.encoder import Encoder
from tests.nlu.conftest import Bot
from tests.serving.conftest import ENCODER, ENVIRONMENT, ServerProcess, command

QUESTION = [{"role": "user", "content": "Say hello to the customer."}]
TEXTS = [
    "where is my parcel?",
    "",
    "  Grüße!  ",
    "我的包裹在哪里",
    "that is not okay at all, I am furious",
    "letters " * 900,  # longer than the encoder takes in one go
    "🎁" * 20,
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The same encoder in this process."""
    return Encoder.from_pretrained(ENCODER)


def one_by_one(encoder: Encoder, texts: list[str], **how: Any) -> np.ndarray:
    return np.stack([encoder.encode([text], **how)[0] for text in texts])


def embedded(server: ServerProcess, texts: list[str], **how: Any) -> np.ndarray:
    answer = server.openai().embeddings.create(model="minilm", input=texts, **how)
    assert [row.index for row in answer.data] == list(range(len(texts)))
    return np.array([row.embedding for row in answer.data], np.float32)


def test_vectors_are_those_of_an_encoder_in_this_process(server: ServerProcess, encoder: Encoder) -> None:
    expected = one_by_one(encoder, TEXTS)
    assert np.array_equal(embedded(server, TEXTS), expected), "base64, as the client asks for by itself"
    assert np.array_equal(embedded(server, TEXTS, encoding_format="float"), expected)


def test_numbers_are_written_as_the_client_asked(server: ServerProcess) -> None:
    def written(**how: str) -> Any:
        return server.post("/v1/embeddings", {"input": "hello", **how}).json()["data"][0]["embedding"]

    numbers = np.array(written(), np.float32)
    assert np.array_equal(np.frombuffer(base64.b64decode(written(encoding_format="base64")), np.float32), numbers)


def test_a_text_has_the_same_vector_alone_and_among_many(server: ServerProcess, encoder: Encoder) -> None:
    many = [*TEXTS, *(f"no {number}" for number in range(100))]
    together = embedded(server, many)
    assert np.array_equal(together, one_by_one(encoder, many))
    assert np.array_equal(together[50:51], embedded(server, many[50:51]))
    assert np.array_equal(together[0], server.openai().embeddings.create(model="", input=TEXTS[0]).data[0].embedding)


def test_models_are_listed_with_the_fingerprints_of_their_weights(
    server: ServerProcess, encoder: Encoder, model: Path
) -> None:
    listed = {one.id: one.model_dump() for one in server.openai().models.list()}
    assert {name: about["kind"] for name, about in listed.items()} == {
        "minilm": "encoder",
        "shop": "bot",
        "small": "generator",
    }
    assert listed["minilm"]["fingerprint"] == listed["shop"]["fingerprint"] == encoder.fingerprint
    assert listed["minilm"]["dimension"] == encoder.dimension
    assert len({about["fingerprint"] for about in listed.values()}) == 2


def test_a_chat_is_answered_whole_or_piece_by_piece(server: ServerProcess) -> None:
    chat: Any = server.openai().chat.completions
    asked = {"model": "small", "messages": QUESTION, "max_tokens": 12, "temperature": 0.0}
    whole = chat.create(**asked)
    assert whole.model == "small"
    assert whole.usage.completion_tokens <= 12
    pieces = [chunk.choices[0].delta.content or "" for chunk in chat.create(**asked, stream=True) if chunk.choices]
    assert len([piece for piece in pieces if piece]) > 2
    assert "".join(pieces) == whole.choices[0].message.content != ""


def test_a_stream_ends_as_openais_does(server: ServerProcess) -> None:
    answer = server.post("/v1/chat/completions", {"messages": QUESTION, "max_tokens": 3, "stream": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *chunks, end = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    assert end == "[DONE]"
    assert {json.loads(chunk)["model"] for chunk in chunks} == {"small"}


def test_more_chats_than_may_wait_are_refused_and_the_others_are_answered(server: ServerProcess) -> None:
    """Two are written at a time, two may wait."""

    def ask(_: int) -> httpx.Response:
        return server.post("/v1/chat/completions", {"messages": QUESTION, "max_tokens": 40, "temperature": 0.0})

    with ThreadPoolExecutor(10) as clients:
        answers = list(clients.map(ask, range(10)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert all(answer.json()["choices"][0]["message"]["content"] for answer in answers if answer not in refused)


def test_a_reply_that_nobody_reads_any_more_is_not_written_on(server: ServerProcess) -> None:
    long = {"messages": [{"role": "user", "content": "Count to 300."}], "max_tokens": 450, "ignore_eos": True}
    for _ in range(4):  # seconds of work each
        with httpx.stream("POST", f"{server.address}/v1/chat/completions", json={**long, "stream": True}) as answer:
            assert next(answer.iter_lines()).startswith("data: ")

    asked = time.monotonic()
    answer = server.post("/v1/chat/completions", {"messages": QUESTION, "max_tokens": 2})
    assert answer.status_code == 200
    assert time.monotonic() - asked < 1.5


@pytest.mark.parametrize(
    ("ask", "error", "told"),
    [
        (lambda client: client.embeddings.create(model="other", input="a"), openai.NotFoundError, "there is: minilm"),
        (lambda client: client.embeddings.create(model="small", input="a"), openai.NotFoundError, "no encoder called"),
        (
            lambda client: client.chat.completions.create(model="minilm", messages=QUESTION),
            openai.NotFoundError,
            "there is: small",
        ),
        (
            lambda client: client.embeddings.create(model="minilm", input="a", dimensions=8),
            openai.UnprocessableEntityError,
            "`dimensions` cannot be chosen",
        ),
        (
            lambda client: client.chat.completions.create(model="small", messages=[]),
            openai.UnprocessableEntityError,
            "`messages` must be a list",
        ),
        (
            lambda client: client.chat.completions.create(model="small", messages=QUESTION, temperature="hot"),
            openai.BadRequestError,
            "temperature",
        ),
        (
            lambda client: client.chat.completions.create(
                model="small", messages=[{"role": "user", "content": "long " * 2000}]
            ),
            openai.BadRequestError,
            "context",
        ),
        (
            lambda client: client.embeddings.create(model="minilm", input=["a"] * 513),
            openai.APIStatusError,
            "513 texts",
        ),
    ],
)
def test_a_mistake_is_an_exception_of_openais_client(
    server: ServerProcess, ask: Callable[[Any], Any], error: type[openai.APIStatusError], told: str
) -> None:
    with pytest.raises(error, match=told) as caught:
        ask(server.openai())
    if error is openai.APIStatusError:
        assert caught.value.status_code == 413


def test_a_bot_reads_as_it_does_in_rasa(server: ServerProcess, model: Path, encoder: Encoder) -> None:
    bot = Bot(str(model))
    texts = [text for text in TEXTS if text]
    answer = server.post("/v1/analyze", {"bot": "shop", "texts": texts, "ranking_length": 0}).json()
    assert answer["fingerprint"] == encoder.fingerprint
    assert len({found["intent"]["name"] for found in answer["results"]}) > 1
    for text, found in zip(texts, answer["results"]):
        parsed = bot.parse(text)
        assert [one["name"] for one in found["intent_ranking"]] == [one["name"] for one in parsed["intent_ranking"]]
        assert found["intent"] == found["intent_ranking"][0]
        assert found["intent"]["confidence"] == pytest.approx(parsed["intent"]["confidence"], abs=1e-5)
        assert found["sentiment"]["label"] == parsed["sentiment"]["label"]
        assert found["sentiment"]["score"] == pytest.approx(parsed["sentiment"]["score"], abs=1e-5)
        assert found["sentiment"]["confidences"] == pytest.approx(parsed["sentiment"]["confidences"], abs=1e-5)
        assert np.array_equal(np.array(found["vector"], np.float32), encoder.encode([text])[0])


def test_many_clients_at_once_get_the_answers_that_one_gets(server: ServerProcess) -> None:
    def ask(number: int) -> Any:
        texts = [f"message {number}: where is my order?", "hello"]
        return server.post("/v1/analyze", {"texts": texts}).json()["results"]

    alone = [ask(number) for number in range(24)]
    with ThreadPoolExecutor(12) as clients:
        assert list(clients.map(ask, range(24))) == alone


def test_vectors_and_the_end_of_the_ranking_are_left_out_when_the_client_says_so(server: ServerProcess) -> None:
    body = {"texts": "where is my parcel?", "vectors": False, "ranking_length": 1}
    [found] = server.post("/v1/analyze", body).json()["results"]
    assert set(found) == {"intent", "intent_ranking", "sentiment"}
    assert found["intent_ranking"] == [found["intent"]]


def test_the_clients_request_id_comes_back_and_one_is_made_where_there_is_none(server: ServerProcess) -> None:
    asked = server.post("/v1/embeddings", {"input": "a"}, headers={"X-Request-ID": "call-7"})
    refused = server.post("/v1/embeddings", {}, headers={"X-Request-ID": "call-8"})
    assert [asked.headers["x-request-id"], refused.headers["x-request-id"]] == ["call-7", "call-8"]
    made = {server.post("/v1/embeddings", {"input": "a"}).headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2


def test_health(server: ServerProcess) -> None:
    live, ready = (httpx.get(f"{server.address}/health/{name}") for name in ("live", "ready"))
    assert (live.status_code, live.json()["status"]) == (200, "live")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def test_metrics_count_requests_and_texts(server: ServerProcess) -> None:
    before = server.metric("rasa_llm_texts_read_total"), server.metric("rasa_llm_requests_total")
    server.post("/v1/embeddings", {"input": ["a", "b", "c"]})
    server.post("/v1/analyze", {"texts": ["a", "b"]})
    server.post("/v1/embeddings", {})
    assert server.metric("rasa_llm_texts_read_total") == before[0] + 5
    assert server.metric("rasa_llm_requests_total") == before[1] + 3
    assert server.metric("rasa_llm_waiting_tokens") == 0


def test_a_body_that_is_too_large_is_refused_by_its_length_alone(server: ServerProcess) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_body_without_a_length_is_refused_when_too_much_has_come(server: ServerProcess) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(11):  # 1.1 MB, and no end
            connection.sendall(b"186A0\r\n" + b"x" * 100_000 + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_what_a_client_that_leaves_asked_for_is_not_read(server: ServerProcess) -> None:
    before, gone = server.metric("rasa_llm_texts_read_total"), server.metric("rasa_llm_clients_gone_total")
    texts = [f"{number} " + "letters " * 200 for number in range(500)]  # seconds of work
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.address}/v1/embeddings", json={"input": texts}, timeout=0.3)
    end = time.monotonic() + 5
    while server.metric("rasa_llm_clients_gone_total") == gone and time.monotonic() < end:
        time.sleep(0.02)

    read = server.metric("rasa_llm_texts_read_total")
    assert server.metric("rasa_llm_waiting_tokens") == 0
    time.sleep(0.5)
    assert server.metric("rasa_llm_texts_read_total") <= read + 2, "only what the threads had in their hands"
    assert 0 < read - before < 400
    assert server.metric("rasa_llm_clients_gone_total") == gone + 1


async def test_what_is_too_much_is_refused_quickly_and_everything_else_is_right(
    serve: Callable[..., ServerProcess], encoder: Encoder
) -> None:
    server = serve(encoders={"minilm": {"model": ENCODER}}, limits={"waiting_tokens": 2500})
    texts = [f"client {number}: " + "letters " * 200 for number in range(50)]  # 400 tokens each

    async with httpx.AsyncClient(base_url=server.address, timeout=30) as client:
        answers = await asyncio.gather(
            *(client.post("/v1/embeddings", json={"input": text}) for text in texts),
        )

    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert all(answer.elapsed.total_seconds() < 2 for answer in refused)
    for text, answer in zip(texts, answers):
        if answer.status_code == 200:
            vector = np.array(answer.json()["data"][0]["embedding"], np.float32)
            assert np.array_equal(vector, encoder.encode([text])[0])
    assert np.array_equal(embedded(server, texts[:1]), one_by_one(encoder, texts[:1])), "it takes work again"


def test_keys(serve: Callable[..., ServerProcess], tmp_path: Path) -> None:
    file = tmp_path / "keys.yml"

    def new_key(name: str, *more: str) -> str:
        asked = command("--api-keys", str(file), "--new-key", name, *more)
        return subprocess.run(asked, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout.strip()

    key, rare = new_key("shop"), new_key("rare", "--per-minute", "1")
    server = serve(encoders={"minilm": {"model": ENCODER}}, api_keys=str(file))

    for wrong in ("none", key[:-1], rare + "x"):
        with pytest.raises(openai.AuthenticationError):
            server.openai(wrong).embeddings.create(model="minilm", input="a")
        with pytest.raises(openai.AuthenticationError):
            server.openai(wrong).models.list()
    [row] = server.openai(key).embeddings.create(model="minilm", input="a").data
    assert np.linalg.norm(row.embedding) == pytest.approx(1)
    server.openai(rare).models.list()
    with pytest.raises(openai.RateLimitError) as limited:
        server.openai(rare).models.list()
    assert 1 <= int(limited.value.response.headers["retry-after"]) <= 60
    assert httpx.get(f"{server.address}/health/ready").status_code == 200, "a load balancer has no key"

    later = new_key("later")
    assert server.openai(later).models.list().data, "the server reads the file again"
