"""What a bot says does not depend on which process says it, nor on a training that did not end."""

from __future__ import annotations

import json
import logging
import shutil
import signal
import subprocess
import sys
import tarfile
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from .conftest import CLASSIFIER, FEATURIZER, SHOP, Bot, as_nlu, train

ROOT = Path(__file__).parents[2]
PIPELINE = [{"name": "WhitespaceTokenizer"}, FEATURIZER, {**CLASSIFIER, "finetune": {"epochs": 4}}]
ASKED = [
    opening + question + closing
    for opening, question, closing in product(
        ("", "hello, ", "I'm sorry, but "),
        (
            "where's my order",
            "good day",
            "refund?",
            "has the package left",
            "it does not fit",
            "how are you",
            "no idea",
        ),
        ("", " please", ", I've waited two weeks and nobody answers the telephone"),
    )
]

_ASK_IN_A_NEW_PROCESS = """
import json, sys
from tests.nlu.conftest import Bot
bot = Bot(sys.argv[1])
print(json.dumps([bot.parse(text)["intent_ranking"] for text in json.loads(sys.argv[2])]))
"""

_TRAIN_AND_DIE = """
import os, signal, sys
from pathlib import Path
from rasa_llm_components.models.finetuning.tuner import Tuner
from tests.nlu.conftest import SHOP, as_nlu, train
from tests.nlu.test_killed_and_restarted import PIPELINE
step, steps = Tuner._step, []
def dying(*arguments):
    steps.append(1)
    if len(steps) > 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*arguments)
Tuner._step = dying
train(Path(sys.argv[1]), PIPELINE, as_nlu({**SHOP, "more": ["something else", "yet another thing"]}))
"""


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RASA_MAX_CACHE_SIZE", "0")
        return Bot(train(tmp_path_factory.mktemp("bot"), PIPELINE, as_nlu(SHOP)))


@pytest.fixture(scope="module")
def rankings(bot: Bot) -> list[list[dict[str, Any]]]:
    return [bot.parse(text)["intent_ranking"] for text in ASKED]


def new_process(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_after_a_restart_every_label_is_the_same(bot: Bot, rankings: list[list[dict[str, Any]]]) -> None:
    asked = new_process(_ASK_IN_A_NEW_PROCESS, bot.model, json.dumps(ASKED))
    assert asked.returncode == 0, asked.stderr[-2000:]
    again = json.loads(asked.stdout.splitlines()[-1])
    assert first(again) == first(rankings)
    assert len(set(first(rankings))) == len(SHOP), "texts of every intent were asked"
    assert confidences(again) == pytest.approx(confidences(rankings), abs=1e-4)


def test_in_a_batch_and_alone_every_label_is_the_same(bot: Bot, rankings: list[list[dict[str, Any]]]) -> None:
    from rasa.core.channels.channel import UserMessage
    from rasa.engine.constants import PLACEHOLDER_MESSAGE

    processor = bot._agent.processor
    target = processor.model_metadata.nlu_target
    messages = [UserMessage(text) for text in ASKED]
    together = processor.graph_runner.run({PLACEHOLDER_MESSAGE: messages}, targets=[target])[target]
    found = [message.get("intent_ranking") for message in together]
    assert first(found) == first(rankings)
    assert confidences(found) == pytest.approx(confidences(rankings), abs=1e-6)


def test_a_training_that_is_killed_leaves_the_old_model(bot: Bot, rankings: list[list[dict[str, Any]]]) -> None:
    folder = Path(bot.model).parents[1]
    before = Path(bot.model).read_bytes()
    killed = new_process(_TRAIN_AND_DIE, str(folder))
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert [(file.name, file.read_bytes() == before) for file in Path(bot.model).parent.iterdir()] == [
        (Path(bot.model).name, True)
    ]
    again = Bot(bot.model)
    assert [again.intent(text) for text in ASKED[:9]] == first(rankings)[:9]


def test_with_a_damaged_graph_torch_reads_the_messages(
    bot: Bot, rankings: list[list[dict[str, Any]]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unpacked = tmp_path / "unpacked"
    with tarfile.open(bot.model) as archive:
        archive.extractall(unpacked)
    [graph] = unpacked.rglob("tuned_layers.onnx")
    graph.write_bytes(graph.read_bytes()[:1000])
    damaged = shutil.make_archive(str(tmp_path / "damaged"), "gztar", unpacked)
    with caplog.at_level(logging.WARNING):
        again = Bot(damaged)
    assert "tuned_layers.onnx is damaged, torch runs the tuned layers" in caplog.text
    assert [again.intent(text) for text in ASKED] == first(rankings)


def first(rankings: list[list[dict[str, Any]]]) -> list[str]:
    return [ranking[0]["name"] for ranking in rankings]


def confidences(rankings: list[list[dict[str, Any]]]) -> list[float]:
    return [ranking[0]["confidence"] for ranking in rankings]
