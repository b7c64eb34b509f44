"""The example bot on a copy of its folder: action server and Rasa, each a real process that tests may end."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests

from tests.e2e.bot_process import QUIET, wait_until

EXAMPLE_BOT = Path(__file__).resolve().parents[2] / "example_bot"


class ExampleShop:
    """The shop's assistant with a database and conversations of its own."""

    def __init__(self, folder: Path) -> None:
        ignored = shutil.ignore_patterns("*.db", "*.db-*", "__pycache__", ".run")
        self.folder = Path(shutil.copytree(EXAMPLE_BOT, folder / "example_bot", ignore=ignored))
        self.port, self.actions_port = _free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        endpoints = self.folder / "endpoints.yml"
        endpoints.write_text(endpoints.read_text().replace(":5055/", f":{self.actions_port}/"))
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> ExampleShop:
        """Fill the database, start both, wait until both answer."""
        subprocess.run([sys.executable, "-m", "actions.shop.fill"], cwd=self.folder, check=True, capture_output=True)
        self.start_actions()
        self.start_rasa()
        return self

    def start_actions(self) -> None:
        """Start the action server."""
        self._start("actions", "rasa_sdk", "--actions", "actions", "--port", str(self.actions_port))
        wait_until(lambda: self._answers(f"http://127.0.0.1:{self.actions_port}/health"), 60, self._logs)

    def start_rasa(self) -> None:
        """Start Rasa."""
        options = ["--model", "models/assistant.tar.gz", "--interface", "127.0.0.1", "--port", str(self.port)]
        self._start("rasa", "rasa", "run", *options)
        wait_until(lambda: self._answers(f"{self.url}/chat/"), 300, self._logs)

    def end(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """End one of the two."""
        process = self._processes.pop(name)
        process.send_signal(how)
        process.wait(30)

    def close(self) -> None:
        """End both."""
        for name in list(self._processes):
            self.end(name)

    def log(self, name: str) -> str:
        """What one of the two has printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _start(self, name: str, module: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **QUIET},
            )

    def _answers(self, address: str) -> bool:
        for name, process in self._processes.items():
            assert process.poll() is None, f"{name} ended:\n{self.log(name)[-3000:]}"
        try:
            return requests.get(address, timeout=2).ok
        except requests.RequestException:
            return False

    def _logs(self) -> str:
        return "\n".join(self.log(name)[-1500:] for name in self._processes)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
