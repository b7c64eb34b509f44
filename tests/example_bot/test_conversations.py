"""The bot is trained, if it has changed, and holds its test conversations: understanding and dialogue end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.example_bot.talk import BOT

RUNS = 3
FEWEST = 50


@pytest.fixture(scope="module")
def trained():
    """Trains what has changed, as `make train` does."""
    done = subprocess.run([sys.executable, BOT / "start.py", "--prepare"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return BOT / "models" / "assistant.tar.gz"


def converse(model, stories, out):
    """Runs `rasa test core --e2e`."""
    command = [sys.executable, "-m", "rasa", "test", "core", "--e2e", "--fail-on-prediction-errors", "--no-plot"]
    command += ["--model", str(model), "--stories", str(stories), "--out", str(out)]
    return subprocess.run(command, cwd=BOT, capture_output=True, text=True)


def test_the_conversations_go_as_written_three_times_in_a_row(trained, tmp_path):
    folders = [tmp_path / str(run) for run in range(RUNS)]
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda folder: converse(trained, BOT / "tests", folder), folders))
    for done in runs:
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    reports = [json.loads((folder / "story_report.json").read_text()) for folder in folders]
    held = reports[0]["conversation_accuracy"]
    assert held["total"] >= FEWEST
    assert held["correct"] == held["total"]
    assert reports[1:] == reports[:1] * (RUNS - 1)


def test_a_conversation_that_goes_wrong_fails_the_run(trained, tmp_path):
    story = "stories:\n  - story: wrong\n    steps:\n      - user: |\n          hello\n        intent: greet\n"
    (tmp_path / "test_wrong.yml").write_text(f'version: "3.1"\n{story}      - action: utter_goodbye\n')
    assert converse(trained, tmp_path / "test_wrong.yml", tmp_path / "out").returncode != 0
