"""Encoder and text generator behind a server, in front of a real server process that fails in all the usual ways."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rasa_llm_components.errors import ConfigurationError, EncodingError, GenerationError
from rasa_llm_components.models.registry import shared_encoder, shared_generator

ASKED = [{"role": "user", "content": "Do you deliver?"}]
FAILURES = ["drop", "500", "429", "broken", "html", "empty", "null"]


@pytest.fixture(scope="module")
def server():
    script = Path(__file__).with_name("openai_server.py")
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.wait()


def test_generator_returns_the_servers_text(server):
    generator = shared_generator({"endpoint": f"{server}/ok/v1"})
    assert generator.generate(ASKED, max_tokens=7) == "Do you deliver? (7 tokens)"


@pytest.mark.parametrize("failure", FAILURES)
def test_generator_tells_every_failure_as_a_generation_error(server, failure):
    generator = shared_generator({"endpoint": f"{server}/{failure}/v1"})
    with pytest.raises(GenerationError, match=f"{failure}/v1/chat/completions"):
        generator.generate(ASKED)


def test_generation_error_names_the_http_status(server):
    with pytest.raises(GenerationError, match="HTTP 429"):
        shared_generator({"endpoint": f"{server}/429/v1"}).generate(ASKED)


def test_slow_server_is_given_up_after_the_timeout_of_the_call(server):
    generator = shared_generator({"endpoint": f"{server}/slow/v1"})
    with pytest.raises(GenerationError, match=r"[Tt]imed out"):
        generator.generate(ASKED, timeout=0.3)


def test_slow_server_is_given_up_after_the_read_timeout_of_the_configuration(server):
    generator = shared_generator({"endpoint": f"{server}/slow/v1", "read_timeout": 0.3})
    with pytest.raises(GenerationError, match=r"[Tt]imed out"):
        generator.generate(ASKED)


def test_server_that_sends_byte_after_byte_is_given_up_as_well(server):
    generator = shared_generator({"endpoint": f"{server}/drip/v1"})
    with pytest.raises(GenerationError, match="no whole reply"):
        generator.generate(ASKED, timeout=1.0)


def test_refused_connection_is_a_generation_error():
    generator = shared_generator({"endpoint": "http://127.0.0.1:9/v1"})
    with pytest.raises(GenerationError, match="Connection"):
        generator.generate(ASKED)


def test_encoder_returns_unit_vectors_in_the_order_of_the_texts(server):
    encoder = shared_encoder({"endpoint": f"{server}/ok/v1", "model": "m"})
    texts = ["mug " * count for count in range(1, 100)]
    vectors = encoder.encode(texts)
    assert encoder.dimension == 3
    assert vectors.shape == (99, 3)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.allclose(
        vectors[:, 0] / vectors[:, 2], [4 * count - 1 for count in range(1, 100)]
    )  # the server's first number is the length


@pytest.mark.parametrize("failure", FAILURES)
def test_encoder_tells_every_failure_as_an_encoding_error(server, failure):
    with pytest.raises(EncodingError, match=f"{failure}/v1/embeddings"):
        shared_encoder({"endpoint": f"{server}/{failure}/v1", "model": "m"})


def test_encoder_gives_a_slow_server_up(server):
    with pytest.raises(EncodingError, match=r"[Tt]imed out"):
        shared_encoder({"endpoint": f"{server}/slow/v1", "model": "m", "read_timeout": 0.3})


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"endpoint": "localhost:8000"}, "endpoint: localhost:8000"),
        ({"endpoint": "http://localhost:8000/v1", "read_timeout": 0}, "read_timeout: 0"),
        ({"endpoint": "http://localhost:8000/v1", "connect_timeout": "fast"}, "connect_timeout: fast"),
    ],
)
def test_wrong_keys_are_named(keys, named):
    with pytest.raises(ConfigurationError, match=named):
        shared_generator(keys)
