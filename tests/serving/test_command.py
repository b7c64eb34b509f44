"""`rasa-llm serve` as it is typed: what is wrong is told in one line, and TLS is TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.serving.conftest import ENCODER, ENVIRONMENT, ServerProcess, command


def told(*arguments: str) -> str:
    """The one line of a command that cannot start."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
    assert done.returncode == 1, done
    [line] = done.stderr.splitlines()
    return line.removeprefix("rasa-llm: rasa-llm serve: ")


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = told("--port", str(port))
        assert line.startswith(f"`port: 127.0.0.1:{port}`: the address cannot be used (Address already in use")
        assert line.endswith("Write another --port or --host.")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--host", "192.0.2.1", "--port", "0"], "`port: 192.0.2.1:0`: the address cannot be used ("),
        (["--port", "70000"], "`port: 70000`: ports end at 65535."),
        (["--config", "missing.yml"], "`--config: missing.yml`: the file cannot be read ("),
        (["--bot", "shop"], "`--bot: shop`: this is no NAME=PATH. Write --bot shop=models"),
        (["--port", "0", "--bot", "shop=missing"], "`bots: missing`: there is no trained model here. Run rasa train"),
        (["--port", "0", "--api-keys", "missing.yml"], "`api_keys: missing.yml`: the keys cannot be read ("),
        (["--new-key", "shop"], "`--new-key: shop`: into which file? Add --api-keys FILE."),
    ],
)
def test_arguments_that_cannot_be(arguments: list[str], line: str) -> None:
    assert told(*arguments).startswith(line)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("port: [", "the file cannot be read (while parsing a flow "),
        ("- port", "the file holds no keys. Write `port: 8080`."),
        ("prot: 80", "`prot: 80`: there is no such key. Did you mean `port`?"),
        ("port: 0\nencoders: {a: {model: 'package:nothing'}}", "`encoders: a: model: package:nothing`: the Python "),
        (
            "port: 0\ngenerators: {a: {model: 'package:nothing'}}",
            "`generators: a: model: package:nothing`: the Python ",
        ),
        (f"port: 0\ngenerators: {{a: {{model: '{ENCODER}'}}}}", f"`generators: a: model: {ENCODER}`: only .gguf files"),
    ],
)
def test_a_file_that_cannot_be(content: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "serve.yml"
    file.write_text(content, encoding="utf-8")
    assert told("--config", str(file)).removeprefix(f"`--config: {file}`: ").startswith(line)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Certificate and key for 127.0.0.1, made now by the openssl command."""
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    asked = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1"]
    subprocess.run([*asked, *name, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def test_with_a_certificate_it_answers_over_https_only(
    certificate: tuple[Path, Path], serve: Callable[..., ServerProcess]
) -> None:
    file, key = certificate
    server = serve(encoders={"minilm": {"model": ENCODER}}, tls_certificate=str(file), tls_key=str(key))

    assert server.address.startswith("https://127.0.0.1:")
    asked = httpx.get(f"{server.address}/v1/models", verify=ssl.create_default_context(cafile=str(file)))
    assert asked.json()["data"][0]["id"] == "minilm"
    with pytest.raises(httpx.ConnectError, match="self-signed certificate"):
        httpx.get(f"{server.address}/v1/models")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.address}/v1/models".replace("https", "http"))


def test_an_ipv6_address(serve: Callable[..., ServerProcess]) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    server = serve(encoders={"minilm": {"model": ENCODER}}, host="::1")
    assert server.address.startswith("http://[::1]:")
    assert httpx.get(f"{server.address}/health/ready").status_code == 200
