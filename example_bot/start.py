"""Starts the example bot: trains what has changed, fills the database, runs the action server and Rasa.

    python example_bot/start.py [--port 5005] [--host 127.0.0.1] [--prepare]

Ctrl-C ends everything. What the programs write is in example_bot/.run/.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path

from honcho.manager import Manager
from honcho.printer import Message, Printer

import rasa_llm_components

BOT = Path(__file__).resolve().parent
RUN = BOT / ".run"
MODEL = BOT / "models" / "assistant.tar.gz"
TRAINED_FROM = RUN / "trained-from"
PACKAGE = Path(rasa_llm_components.__file__).parent
TRAINS_WITH = ("rasa-llm-components", "rasa", "torch", "transformers", "spacy", "scikit-learn")

ACTIONS_PORT_AFTER = 50  # 5005 -> 5055, Rasa's usual pair
START_LIMIT = 180.0
LINES_SHOWN = 15

ENVIRONMENT = {
    "SANIC_HOST": "127.0.0.1",  # the action server asks nobody for a password
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "PYTHONWARNINGS": "ignore",
    "TOKENIZERS_PARALLELISM": "false",
    "USE_TF": "0",  # transformers needs no TensorFlow
    "PYTHONUNBUFFERED": "1",
}


def main() -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Start the example bot.")
    parser.add_argument("--port", type=int, default=5005, help="the page's port; the action server takes port + 50")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
    parser.add_argument("--prepare", action="store_true", help="train and fill the database, start nothing")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a command under way is ended too
    RUN.mkdir(exist_ok=True)
    os.environ.update(ENVIRONMENT)
    os.chdir(BOT)
    try:
        if not arguments.prepare:
            require_free(arguments.port, arguments.host, "PORT={}")
            require_free(arguments.port + ACTIONS_PORT_AFTER, "127.0.0.1", "PORT={}")
        train_if_changed()
        fill_database()
        return 0 if arguments.prepare else run(arguments.host, arguments.port)
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130


def require_free(port: int, host: str, setting: str) -> None:
    """Ends the program with a line that says what to do, if something listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            another = setting.format(6005)
            sys.exit(f"Port {port} can't be used ({error.strerror}): end what uses it, or: make chat {another}")


def train_if_changed() -> None:
    """Trains the assistant unless everything it depends on is as it was."""
    fingerprint = fingerprint_of_training()
    if MODEL.exists() and TRAINED_FROM.exists() and TRAINED_FROM.read_text() == fingerprint:
        return
    command = ["train", "--fixed-model-name", MODEL.name.split(".")[0], "--domain", "domain"]
    finish([sys.executable, "-m", "rasa", *command], "Training the assistant", RUN / "train.log")
    TRAINED_FROM.write_text(fingerprint)


def fingerprint_of_training() -> str:
    """A hash of what the trained assistant depends on; it takes milliseconds, Rasa's own takes half a minute."""
    versions = [f"{name} {version(name)}" for name in TRAINS_WITH]
    digest = hashlib.sha256("\n".join(versions).encode())
    files = [BOT / "config.yml"]
    files += [path for folder in ("data", "domain") for path in sorted((BOT / folder).rglob("*.yml"))]
    files += [path for room in ("nlu", "models") for path in sorted((PACKAGE / room).rglob("*")) if path.is_file()]
    for file in files:
        if "__pycache__" not in file.parts:
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def fill_database() -> None:
    """Makes the shop's tables and their contents; what is there already stays."""
    finish([sys.executable, "-m", "actions.shop.fill"], "Filling the database", RUN / "database.log")


def finish(command: list[str], what: str, log: Path) -> None:
    """Runs a command to its end with its output in `log`, and shows how long it takes."""
    start = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                if sys.stdout.isatty():
                    print(f"\r{what} ... {time.monotonic() - start:.0f} s ", end="", flush=True)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.5)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if process.returncode:
        show_end_of(log)
        sys.exit(f"{what} failed: the whole output is in {log}")
    start_of_line = "\r" if sys.stdout.isatty() else ""
    print(
        f"{start_of_line}{what} ... {time.monotonic() - start:.0f} s (log: {log.relative_to(BOT.parent)})", flush=True
    )


def run(host: str, port: int) -> int:
    """Runs the action server and Rasa under one supervisor until one of them ends or a signal comes."""
    actions_port = port + ACTIONS_PORT_AFTER
    endpoints = endpoints_for(actions_port)
    logs = LogFiles()
    manager = Manager(logs)
    actions = ["-m", "rasa_sdk", "--actions", "actions", "--port", str(actions_port)]
    rasa = ["-m", "rasa", "run", "--model", str(MODEL), "--endpoints", str(endpoints)]
    rasa += ["--interface", host, "--port", str(port)]
    for name, arguments in (("actions", actions), ("rasa", rasa)):
        manager.add_process(name, "exec " + shlex.join([sys.executable, *arguments]))
    page = f"http://localhost:{port}/chat/"
    addresses = [f"http://127.0.0.1:{actions_port}/health", page]
    threading.Thread(target=announce, args=(manager, addresses, page), daemon=True).start()
    manager.loop()
    return report_end(manager, logs)


def endpoints_for(actions_port: int) -> Path:
    """The endpoints file for the database in use, or a copy of it that names another port of the action server."""
    in_postgresql = os.environ.get("DATABASE_URL", "").startswith("postgresql")
    original = BOT / ("endpoints-postgresql.yml" if in_postgresql else "endpoints.yml")
    usual = f":{5005 + ACTIONS_PORT_AFTER}/"
    if f":{actions_port}/" == usual:
        return original
    copy = RUN / f"endpoints-{actions_port}.yml"
    copy.write_text(original.read_text().replace(usual, f":{actions_port}/"))
    return copy


def announce(manager: Manager, addresses: list[str], page: str) -> None:
    """Prints the page's address when every address answers; gives up after a while."""
    start = time.monotonic()
    print("Starting the action server and Rasa ...", flush=True)
    while time.monotonic() - start < START_LIMIT:
        if all(answers(address) for address in addresses):
            print(f"Ready after {time.monotonic() - start:.0f} s. Talk to the shop at {page}", flush=True)
            print(f"Logs: {RUN.relative_to(BOT.parent)}/rasa.log and actions.log. Ctrl-C ends everything.", flush=True)
            return
        time.sleep(0.5)
    print(f"No answer within {START_LIMIT:.0f} s.", flush=True)
    manager.terminate()


def answers(address: str) -> bool:
    """Whether a GET of this address succeeds."""
    try:
        with urllib.request.urlopen(address, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def report_end(manager: Manager, logs: LogFiles) -> int:
    """Says how it ended: stopped by a person, or by a program that ended by itself."""
    if manager.returncode in (130, 143):
        print("\nStopped.")
        return 0
    if logs.ended:
        show_end_of(RUN / f"{logs.ended[0]}.log")
        print(f"{logs.ended[0]} ended by itself: the whole output is in {RUN / logs.ended[0]}.log", file=sys.stderr)
    return manager.returncode or 1


def show_end_of(log: Path) -> None:
    """Prints the last lines of a log."""
    print("\n".join(log.read_text(errors="replace").splitlines()[-LINES_SHOWN:]))


class LogFiles(Printer):
    """Writes each program's lines to a file of its own instead of the terminal."""

    def __init__(self) -> None:
        super().__init__(prefix=False)
        self.ended: list[str] = []
        self._files = {name: (RUN / f"{name}.log").open("w", buffering=1) for name in ("actions", "rasa", "system")}

    def write(self, message: Message) -> None:
        """Writes one message of the supervisor or of a program."""
        if message.name == "system" and " stopped (rc=" in message.data:
            self.ended.append(message.data.split()[0])
        self.output = self._files[message.name]
        super().write(message)


if __name__ == "__main__":
    sys.exit(main())
