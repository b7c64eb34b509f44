"""A server that fails while the bot runs: nobody waits longer than the budget, and it is used again when it is back.

The server is a fake that fails when it is told to; real ones are stopped and killed in tests/serving and
benchmarks/faults.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

from rasa_llm_components.errors import ConfigurationError, EncodingError, GenerationError
from rasa_llm_components.models.endpoint.connection import Connection, connect
from rasa_llm_components.models.endpoint.encoder import EndpointEncoder
from rasa_llm_components.models.endpoint.text_generator import EndpointTextGenerator
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.nlu import TransformerFeaturizer
from rasa_llm_components.nlu.sentence_vector import is_featurized
from rasa_llm_components.steps import request

BUDGET = 0.4
ASKED: list[Any] = [{"role": "user", "content": "Do you deliver?"}]


class Server:
    """The fake, and what to tell it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def becomes(self, behaviour: str, *, fingerprint: str = "first") -> None:
        """From now on; forgets the requests so far."""
        httpx.put(f"{self.address}/told", json={"behaviour": behaviour, "fingerprint": fingerprint})

    def requests(self) -> list[str]:
        """Since it was told last."""
        return list(httpx.get(f"{self.address}/requests").json())


@pytest.fixture(scope="module")
def process() -> Iterator[str]:
    script = Path(__file__).with_name("openai_server.py")
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.wait()


@pytest.fixture
def server(process: str) -> Server:
    server = Server(process)
    server.becomes("ok")
    return server


def connection(server: Server) -> Connection:
    return connect(f"{server.address}/told/v1")


def encoder(server: Server, **how: Any) -> EndpointEncoder:
    return EndpointEncoder(connection(server), "m", budget=BUDGET, read_timeout=1.0, **how)


class SameWeights:
    """A stand-in for the same encoder in this process: the numbers that the fake gives."""

    fingerprint, dimension = "first", 3

    def encode(self, texts: Any, *, kind: str = "query", show_progress: bool = False) -> np.ndarray:
        vectors = np.array([[len(text), 2.0, 1.0] for text in texts], dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def encode_words(self, texts: Any, *, kind: str = "query", show_progress: bool = False) -> Any:
        raise NotImplementedError


class OtherWeights(SameWeights):
    """Another encoder."""

    fingerprint = "second"

    def encode(self, texts: Any, *, kind: str = "query", show_progress: bool = False) -> np.ndarray:
        return np.tile(np.array([[0.0, 0.0, 1.0]], dtype=np.float32), (len(texts), 1))


def seconds(work: Callable[[], Any]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def until(condition: Callable[[], bool], limit: float = 10.0) -> bool:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("behaviour", ["slow", "drip"])
def test_a_hanging_server_costs_one_message_the_budget_and_the_next_ones_nothing(
    server: Server, behaviour: str
) -> None:
    there = encoder(server)
    server.becomes(behaviour)

    def fails(text: str) -> None:
        with pytest.raises(EncodingError):
            there.encode([text])

    assert seconds(lambda: fails("first")) < BUDGET + 0.2
    assert seconds(lambda: [fails(f"later {number}") for number in range(50)]) < 0.1


def test_the_same_weights_here_answer_while_the_server_is_away(server: Server) -> None:
    there = encoder(server, fallback=SameWeights())
    from_server = there.encode(["where is it"])
    server.becomes("500")
    np.testing.assert_allclose(there.encode(["where was it"]), SameWeights().encode(["where was it"]), atol=1e-6)
    np.testing.assert_allclose(from_server, SameWeights().encode(["where is it"]), atol=1e-6)


def test_a_server_that_is_back_is_used_again_without_a_restart(server: Server) -> None:
    there = encoder(server, fallback=SameWeights())
    server.becomes("500")
    there.encode(["first"])
    server.becomes("ok")
    assert until(lambda: not there._connection.is_broken)
    server.becomes("ok")
    there.encode(["second"])
    assert server.requests() == ["ok"]


def test_a_busy_server_is_asked_again_and_not_given_up(server: Server) -> None:
    there = encoder(server)
    server.becomes("busy_once")
    assert there.encode(["hello"]).shape == (1, 3)
    assert server.requests() == ["busy_once", "busy_once"]
    assert not there._connection.is_broken


def test_a_failed_request_is_logged_with_the_id_that_the_server_was_told(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    there = encoder(server)
    server.becomes("500")
    with request("message-7"), pytest.raises(EncodingError):
        there.encode(["hello"])
    assert "Request message-7: " in caplog.text
    assert "message-7" in httpx.get(f"{server.address}/identities").json()


def test_a_generation_is_never_tried_twice(server: Server) -> None:
    generator = EndpointTextGenerator(connection(server), "m")
    server.becomes("busy_once")
    with pytest.raises(GenerationError, match="503"):
        generator.generate(ASKED)
    assert server.requests() == ["busy_once"]


def test_vectors_of_other_weights_are_not_read(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    there = encoder(server)
    server.becomes("ok", fingerprint="second")
    with pytest.raises(EncodingError, match=r"encoder second now.*started with first"):
        there.encode(["hello"])
    time.sleep(1.2)  # the looks at it find the same
    assert there._connection.is_broken
    server.becomes("ok", fingerprint="first")
    assert until(lambda: not there._connection.is_broken)


def test_other_weights_of_a_server_without_fingerprints_are_found_by_a_sentence(server: Server) -> None:
    there = encoder(server)
    there._its_own = ""
    server.becomes("500")
    with pytest.raises(EncodingError):
        there.encode(["hello"])
    server.becomes("ok", fingerprint="")  # the fake's other weights
    time.sleep(2.0)
    assert there._connection.is_broken
    server.becomes("ok")
    assert until(lambda: not there._connection.is_broken)


def test_a_fallback_of_other_weights_is_refused_at_start_and_both_are_named(server: Server) -> None:
    with pytest.raises(ConfigurationError, match=r"fallback_model: second.*second.*first"):
        encoder(server, fallback=OtherWeights())


def test_a_server_that_is_away_at_start_is_waited_for_with_the_fallback_at_work() -> None:
    away = connect("http://127.0.0.1:9/v1")
    there = EndpointEncoder(away, "m", budget=BUDGET, fallback=SameWeights())
    assert there.fingerprint == "first"
    assert there.encode(["hello"]).shape == (1, 3)


def test_an_answer_of_a_hundred_megabytes_is_not_read_to_its_end(server: Server) -> None:
    there = encoder(server)
    server.becomes("huge")
    with pytest.raises(EncodingError, match="larger than"):
        there.encode(["hello"])


def test_a_generator_that_is_away_fails_at_once_the_second_time(server: Server) -> None:
    generator = EndpointTextGenerator(connection(server), "m")
    server.becomes("slow")

    def fails() -> None:
        with pytest.raises(GenerationError):
            generator.generate(ASKED, timeout=BUDGET)

    assert BUDGET - 0.1 < seconds(fails) < BUDGET + 0.2
    assert seconds(fails) < 0.05


def test_eight_hanging_messages_do_not_keep_the_ninth(server: Server) -> None:
    there = encoder(server)
    server.becomes("slow")
    threads = [threading.Thread(target=lambda n=n: _ignored(there, f"text {n}")) for n in range(9)]
    taken = seconds(lambda: [thread.start() for thread in threads] and [thread.join() for thread in threads])
    assert taken < BUDGET + 0.4


def test_a_message_that_was_not_read_has_no_intent_and_rasa_goes_on(server: Server, tmp_path: Path) -> None:
    keys = {"endpoint": f"{server.address}/told/v1", "model": "m", "budget": BUDGET}
    config = {**TransformerFeaturizer.get_default_config(), **keys}
    context = ExecutionContext(GraphSchema({}), node_name="node")
    storage = LocalModelStorage(tmp_path)
    featurizer = TransformerFeaturizer.create(config, storage, Resource("resource"), context)
    tokenizer = WhitespaceTokenizer.create(
        WhitespaceTokenizer.get_default_config(), storage, Resource("resource"), context
    )
    server.becomes("500")
    [message] = featurizer.process(tokenizer.process([Message({TEXT: "where is it"})]))
    assert not is_featurized(message, "TransformerFeaturizer")
    words, sentence = message.get_dense_features(TEXT)
    assert words.features.shape == (3, 3)
    assert sentence.features.shape == (1, 3)


def test_a_wrong_fallback_is_named(server: Server) -> None:
    with pytest.raises(ConfigurationError, match="fallback: lokal"):
        shared_encoder({"endpoint": f"{server.address}/ok/v1", "model": "m", "fallback": "lokal"})


def _ignored(there: EndpointEncoder, text: str) -> None:
    with pytest.raises(EncodingError):
        there.encode([text])
