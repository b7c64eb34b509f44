"""A real Rasa server in a process of its own, and the small action server it calls."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests
import yaml

MINIMAL_BOT = Path(__file__).parent / "minimal_bot"
QUIET = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}


def run_rasa(*arguments: str, cwd: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a rasa command; what it prints goes to a file."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "rasa", *arguments],
            cwd=cwd,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **QUIET},
        )


def trained_model(folder: Path) -> Path:
    """The minimal bot's model in `folder`, trained if it isn't there."""
    made = sorted(folder.glob("*.tar.gz"))
    if not made:
        work = folder / "work"
        shutil.copytree(MINIMAL_BOT, work, dirs_exist_ok=True)
        log = folder / "train.log"
        rasa = run_rasa("train", "--out", str(folder), "--fixed-model-name", "minimal", cwd=work, log=log)
        assert rasa.wait(timeout=300) == 0, log.read_text()[-3000:]
        made = sorted(folder.glob("*.tar.gz"))
    return made[0]


class BotProcess:
    """`rasa run` with the web chat, which tests may kill and start again; the SQLite tracker store stays."""

    def __init__(self, folder: Path, model: Path, port: int, action_port: int, web_chat: dict | None = None) -> None:
        self.folder, self.model, self.port, self.web_chat = folder, model, port, web_chat
        self.url = f"http://127.0.0.1:{port}"
        self.log = folder / "rasa.log"
        folder.mkdir(parents=True, exist_ok=True)
        channels = {"rasa_llm_components.channels.WebChat": web_chat}
        endpoints = {
            "action_endpoint": {"url": f"http://127.0.0.1:{action_port}/webhook"},
            "tracker_store": {"type": "SQL", "dialect": "sqlite", "db": str(folder / "tracker.db")},
        }
        (folder / "credentials.yml").write_text(yaml.safe_dump(channels, allow_unicode=True), encoding="utf-8")
        (folder / "endpoints.yml").write_text(yaml.safe_dump(endpoints))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 240) -> BotProcess:
        """Start, and wait until the page is there: ten seconds, and minutes on a machine that does other things."""
        options = ["--model", str(self.model), "--port", str(self.port), "--interface", "127.0.0.1"]
        files = ["--credentials", "credentials.yml", "--endpoints", "endpoints.yml"]
        self._process = run_rasa("run", *options, *files, cwd=self.folder, log=self.log)
        try:
            wait_until(self.is_up, seconds, lambda: self.log.read_text()[-3000:])
        except AssertionError:
            self.kill()
            raise
        return self

    def is_up(self) -> bool:
        assert self._process is None or self._process.poll() is None, self.log.read_text()[-3000:]
        try:
            return requests.get(f"{self.url}/", timeout=2).ok
        except requests.ConnectionError:
            return False

    def kill(self) -> None:
        """End it as a power cut would (-9)."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None


class ActionServer:
    """What the minimal bot's actions do. `release` lets the slow one go on; `calls` lists every call."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.release = threading.Event()
        self.calls: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.calls.append(body["next_action"])
                answer = json.dumps({"events": [], "responses": outer._responses(body)}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # the bot was killed meanwhile
                    self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _responses(self, body: dict) -> list[dict]:
        action, message = body["next_action"], body["tracker"]["latest_message"]["text"]
        if action == "action_slow":
            self.release.wait(timeout=60)
            return [{"text": "The slow answer."}]
        return [{"text": message}] if action == "action_echo" else []

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()


def free_port() -> int:
    """A port that nobody listens on."""
    for port in random.sample(range(19460, 19500), 40):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("No free port between 19460 and 19499.")


def wait_until(condition: Callable[[], bool], seconds: float, why: Callable[[], str] = lambda: "") -> None:
    """Look every 0.1 s; fail with `why()` when it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"Not within {seconds} s. {why()}"
        time.sleep(0.1)
