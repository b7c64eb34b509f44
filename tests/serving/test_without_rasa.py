"""The server's environment needs neither Rasa nor TensorFlow, and its process no torch once the graphs are made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nlu.conftest import Bot
from tests.serving.conftest import ENVIRONMENT

PROGRAM = """
import importlib.abc, json, sys

class NotInstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"rasa", "rasa_sdk", "tensorflow", "keras"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())

from rasa_llm_components.serving.application import application
from rasa_llm_components.serving.catalogue import Catalogue
from rasa_llm_components.serving.settings import ServeSettings

catalogue = Catalogue.load(ServeSettings.from_keys({"encoders": {"minilm": {}}, "bots": {"shop": sys.argv[1]}}))
application(catalogue)
[found] = catalogue.bot("shop").bot.analyse([sys.argv[2]])
del found["vector"]
print(json.dumps({**found, "imported": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


@pytest.mark.parametrize("archive", ["model", "newer_model"])
def test_a_bot_is_served_where_rasa_and_tensorflow_are_not_installed(
    archive: str, request: pytest.FixtureRequest
) -> None:
    model: Path = request.getfixturevalue(archive)
    text = "how do I send this back?"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model), text], capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = Bot(str(model)).parse(text)
    assert found["intent"]["name"] == expected["intent"]["name"]
    assert found["intent"]["confidence"] == pytest.approx(expected["intent"]["confidence"], abs=1e-5)
    assert found["sentiment"]["score"] == pytest.approx(expected["sentiment"]["score"], abs=1e-5)
    assert {"onnxruntime", "starlette"} <= set(found["imported"])
    assert not {"rasa", "tensorflow", "torch", "transformers"} & set(found["imported"])
