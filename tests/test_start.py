"""`example_bot/start.py`, which `make chat` runs: what stops it at once, what it trains again, and how it ends.

The whole path, page included, is what tests/e2e drives.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

BOT = Path(__file__).resolve().parents[1] / "example_bot"
START = BOT / "start.py"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """start.py as a module, working on a copy of the bot's small parts."""
    spec = importlib.util.spec_from_file_location("start", START)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    bot = tmp_path / "example_bot"
    for folder in ("data", "domain", "models", ".run"):
        (bot / folder).mkdir(parents=True)
    (bot / "config.yml").write_text("pipeline: []")
    (bot / "data" / "nlu.yml").write_text("nlu: []")
    (bot / "endpoints.yml").write_text("action_endpoint: {url: 'http://127.0.0.1:5055/webhook'}\n")
    monkeypatch.setattr(module, "BOT", bot)
    monkeypatch.setattr(module, "RUN", bot / ".run")
    monkeypatch.setattr(module, "MODEL", bot / "models" / "assistant.tar.gz")
    monkeypatch.setattr(module, "TRAINED_FROM", bot / ".run" / "trained-from")
    return module


@pytest.fixture
def training(start, monkeypatch):
    """The commands that were run; a run makes the model."""
    commands = []

    def finish(command, what, log):
        commands.append(command)
        start.MODEL.write_text("a model")

    monkeypatch.setattr(start, "finish", finish)
    return commands


@pytest.fixture
def used_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


@pytest.mark.parametrize("difference", [0, 50], ids=["the page's port", "the action server's port"])
def test_a_port_in_use_ends_it_with_one_line_that_says_what_to_do(used_port, difference):
    arguments = [sys.executable, START, "--port", str(used_port - difference)]
    finished = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) == 1
    assert f"Port {used_port}" in finished.stderr
    assert "make chat PORT=" in finished.stderr


def test_the_second_start_trains_nothing(start, training):
    start.train_if_changed()
    start.train_if_changed()
    assert len(training) == 1


@pytest.mark.parametrize("changed", ["config.yml", "data/nlu.yml", "domain/new.yml"])
def test_it_trains_again_when_the_bot_has_changed(start, training, changed):
    start.train_if_changed()
    (start.BOT / changed).write_text("# something else")
    start.train_if_changed()
    assert len(training) == 2


def test_it_trains_again_when_the_model_is_gone_or_a_package_is_another(start, training, monkeypatch):
    start.train_if_changed()
    start.MODEL.unlink()
    start.train_if_changed()
    monkeypatch.setattr(start, "version", lambda name: "another")
    start.train_if_changed()
    assert len(training) == 3


def test_what_training_does_not_read_trains_nothing(start, training):
    start.train_if_changed()
    (start.BOT / "endpoints.yml").write_text("nlg: {}")
    start.train_if_changed()
    assert len(training) == 1


def test_a_failed_command_shows_the_end_of_its_log_and_names_it(start, capsys):
    program = "for n in range(100): print('line', n)\nraise SystemExit(3)"
    with pytest.raises(SystemExit) as stop:
        start.finish([sys.executable, "-c", program], "Training", start.RUN / "train.log")
    shown = capsys.readouterr().out.splitlines()
    assert "line 99" in shown
    assert "line 50" not in shown
    assert str(start.RUN / "train.log") in str(stop.value)


def test_the_action_servers_port_follows_the_pages(start):
    assert start.endpoints_for(5055) == start.BOT / "endpoints.yml"
    assert "127.0.0.1:6055/webhook" in start.endpoints_for(6055).read_text()


SUPERVISED = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("start", sys.argv[1])
start = importlib.util.module_from_spec(spec)
spec.loader.exec_module(start)
from honcho.manager import Manager
from pathlib import Path
start.RUN = Path(sys.argv[2])
logs = start.LogFiles()
manager = Manager(logs)
for name in ("actions", "rasa"):
    manager.add_process(name, f"echo {name} in $$; exec sleep {sys.argv[3]}")
print("started", flush=True)
manager.loop()
sys.exit(start.report_end(manager, logs))
"""


def supervised(folder, seconds):
    """The supervisor with two programs that do nothing, in a process of its own."""
    arguments = [sys.executable, "-c", SUPERVISED, START, str(folder), str(seconds)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def process_ids(folder):
    """The ids that both programs have written into their logs."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        logs = [folder / f"{name}.log" for name in ("actions", "rasa")]
        if all(log.exists() and "in" in log.read_text() for log in logs):
            return [int(log.read_text().split()[-1]) for log in logs]
        time.sleep(0.05)
    raise AssertionError("the programs did not start")


def is_running(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_kill_end_every_program(tmp_path, sign):
    process = supervised(tmp_path, 300)
    programs = process_ids(tmp_path)
    process.send_signal(sign)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Stopped." in out
    assert not [program for program in programs if is_running(program)]


def test_a_program_that_ends_by_itself_ends_the_other_and_is_named(tmp_path):
    process = supervised(tmp_path, 0)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "ended by itself" in err
