"""The example bot as a customer meets it: seconds until the first answer in a browser, and memory beside a stock bot.

    python benchmarks/running_bot.py --json OUT [--peer stock]

Works on a copy of example_bot/ that `make train` has trained. The browser is Debian's Chromium, else Playwright's own.
`stock` is the same bot with Rasa's default pipeline and reply generation, trained here for five epochs: a poor
model of the same size and speed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from intent import RASA_DEFAULT

BOT = Path(__file__).resolve().parents[1] / "example_bot"
PORT = 19700
GREETINGS = ["hello", "good morning", "hi there", "hey", "good evening"]
QUESTIONS = [
    "Can you wrap a present for me?",
    "How long is the warranty on a lamp?",
    "Do you deliver to Norway?",
    "How do I look after a linen cushion?",
    "How can I pay?",
]
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def main() -> None:
    """Measures, prints and writes the records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", type=Path, help="write the records here, ours first")
    parser.add_argument("--peer", action="append", default=[], choices=["stock"], help="measure this bot as well")
    options = parser.parse_args()
    if not (BOT / "models" / "assistant.tar.gz").exists():
        raise SystemExit("The example bot is not trained. Run: make train")
    with tempfile.TemporaryDirectory() as folder:
        records = [_ours(Path(folder))]
        if "stock" in options.peer:
            records.append(_stock(Path(folder)))
    for record in records:
        print(", ".join(f"{key}: {value}" for key, value in record.items()))
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


def _ours(folder: Path) -> dict[str, Any]:
    quoting = copy_of_bot(folder / "quoting")
    endpoints = yaml.safe_load((quoting / "endpoints.yml").read_text())
    del endpoints["nlg"]["model"]
    (quoting / "endpoints.yml").write_text(yaml.safe_dump(endpoints))
    with running(quoting), _page() as ask:
        intent = [ask(text) for text in GREETINGS]
        quoted = [ask(text) for text in QUESTIONS]
    with running(copy_of_bot(folder / "generating")) as process, _page() as ask:
        generated = [ask(text) for text in QUESTIONS]
        memory = _memory_mb(process)
    return {
        "name": "rasa-llm-components",
        "intent_answer_s": round(statistics.median(intent), 2),
        "quoted_answer_s": round(statistics.median(quoted), 2),
        "generated_answer_s": round(statistics.median(generated), 2),
        "slowest_intent_answer_s": round(max(intent), 2),
        "slowest_quoted_answer_s": round(max(quoted), 2),
        "slowest_generated_answer_s": round(max(generated), 2),
        "memory_mb": memory,
    }


def _stock(folder: Path) -> dict[str, Any]:
    bot = copy_of_bot(folder / "stock")
    config = yaml.safe_load((bot / "config.yml").read_text())
    config["pipeline"] = [{**line, "epochs": 5} if "epochs" in line else line for line in RASA_DEFAULT]
    (bot / "config.yml").write_text(yaml.safe_dump(config))
    endpoints = yaml.safe_load((bot / "endpoints.yml").read_text())
    del endpoints["nlg"]
    (bot / "endpoints.yml").write_text(yaml.safe_dump(endpoints))
    with (folder / "train.log").open("wb") as log:
        command = [sys.executable, "-m", "rasa", "train", "--domain", "domain", "--fixed-model-name", "assistant"]
        subprocess.run(command, cwd=bot, stdout=log, stderr=subprocess.STDOUT, check=True)
    with running(bot) as process, _page() as ask:
        intent = [ask(text) for text in GREETINGS]
        return {
            "name": "stock",
            "intent_answer_s": round(statistics.median(intent), 2),
            "slowest_intent_answer_s": round(max(intent), 2),
            "memory_mb": _memory_mb(process),
        }


def copy_of_bot(folder: Path) -> Path:
    """A copy of the example bot without its database, so that what is done to it stays there."""
    shutil.copytree(BOT, folder, ignore=shutil.ignore_patterns("*.db", "*.db-*", "__pycache__", ".run"))
    return folder


@contextmanager
def running(
    bot: Path,
    port: int = PORT,
    *,
    rasa: Sequence[str] = ("-m", "rasa"),
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[subprocess.Popen[bytes]]:
    """Rasa and the action server on a copy of the bot; yields Rasa's process when its page answers.

    Args:
        bot: its folder.
        port: of Rasa; the action server takes the next one.
        rasa: arguments with which the interpreter starts Rasa.
        environment: further variables of both processes.
    """
    quiet = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "USE_TF": "0"}
    environment = {**os.environ, **quiet, **environment}
    subprocess.run(
        [sys.executable, "-m", "actions.shop.fill"], cwd=bot, env=environment, check=True, capture_output=True
    )
    endpoints = (bot / "endpoints.yml").read_text().replace(":5055/", f":{port + 1}/")
    (bot / "endpoints.yml").write_text(endpoints)
    address = ["--interface", "127.0.0.1", "--port", str(port)]
    server = [*rasa, "run", "--model", "models/assistant.tar.gz", *address]
    actions = ["-m", "rasa_sdk", "--actions", "actions", "--port", str(port + 1)]
    with (bot / "output.log").open("wb") as log:
        processes = [
            subprocess.Popen([sys.executable, *command], cwd=bot, env=environment, stdout=log, stderr=log)
            for command in (server, actions)
        ]
    try:
        _wait_for_page(processes[0], port, bot / "output.log")
        yield processes[0]
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(30)


def _wait_for_page(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/chat/", timeout=2):
                return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.5)
    raise SystemExit("The bot did not start:\n" + "\n".join(log.read_text().splitlines()[-15:]))


@contextmanager
def _page() -> Iterator[Any]:
    """The open page: a function that sends a text and returns the seconds until the answer can be read."""
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(locale="en-GB")
        page.goto(f"http://127.0.0.1:{PORT}/chat/")
        expect(page.locator("#state")).to_have_attribute("data-state", "connected", timeout=30_000)
        answers = page.locator("deep-chat .item.bot:not([data-item=typing]):not([data-item=welcome])")

        def ask(text: str) -> float:
            before = answers.count()
            page.locator("deep-chat #text-input").fill(text)
            started = time.perf_counter()
            page.locator("deep-chat #text-input").press("Enter")
            answers.nth(before).wait_for(timeout=30_000)
            seconds = time.perf_counter() - started
            expect(page.locator("deep-chat .typing")).to_have_count(0, timeout=30_000)
            time.sleep(1)  # a customer reads before writing again
            return seconds

        for text in ("hello", "what can you do?"):  # the first messages of a process pay for what later ones re-use
            ask(text)
        yield ask
        browser.close()


def _memory_mb(process: subprocess.Popen[bytes]) -> int:
    """Resident memory of Rasa's process, after the conversation."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return round(next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024)


if __name__ == "__main__":
    main()
