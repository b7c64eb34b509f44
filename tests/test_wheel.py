"""The wheel works outside the repository: beside a bot that `rasa init` makes, with the documentation's three lines."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import yaml

import rasa_llm_components

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = Path(rasa_llm_components.__file__).parent
GUIDE = REPOSITORY / "docs" / "add-to-your-bot.md"

PACKAGES = Path(sysconfig.get_path("purelib"))
NEW_BOT = PACKAGES / "rasa" / "cli" / "initial_project"  # what `rasa init` copies
TRAIN_AND_READ = """
import asyncio, json
import rasa, rasa_llm_components
from rasa.core.agent import Agent
model = rasa.train("domain.yml", "config.yml", ["data"], output="models").model
message = asyncio.run(Agent.load(model).parse_message("hello there, good morning"))
print(json.dumps({"package": rasa_llm_components.__file__, "message": message}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy so that nothing is left in the repository."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, copy)
    ignored = shutil.ignore_patterns("node_modules", "__pycache__")
    shutil.copytree(PACKAGE, copy / PACKAGE.name, ignore=ignored)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "."]
    subprocess.run(build, cwd=copy, check=True, capture_output=True)
    return next((copy / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """A fresh environment with the wheel; what the wheel depends on is lent by this environment.

    A path in a .pth file lends packages, but not the editable install, which is a .pth file itself.
    """
    environment = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    packages = next((environment / "lib").glob("python3*/site-packages"))
    (packages / "lent.pth").write_text(f"{PACKAGES}\n")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--ignore-installed", wheel]
    subprocess.run(install, check=True, capture_output=True)
    return python


def three_lines():
    """The lines that the guide tells to add."""
    blocks = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.S)
    return next(block for block in blocks if "TransformerIntentClassifier" in block)


def with_three_lines(config):
    """What a person does by the guide: remove the signs before the pipeline, put the lines before the fallback."""
    uncommented = re.sub(r"^# ( +(?:- )?\w+: .*)$", r"\1", config, flags=re.M)
    assert "  - name: FallbackClassifier\n" in uncommented
    added = uncommented.replace("  - name: FallbackClassifier\n", three_lines() + "  - name: FallbackClassifier\n")
    return re.sub(r"epochs: \d+", "epochs: 1", added)  # Rasa's own parts are not what is looked at here


def run(python, program, folder):
    finished = subprocess.run([python, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout


def test_the_wheel_carries_what_is_not_python(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        r"channels/page/index\.html",
        r"channels/page/vendor/deepChat\.bundle\.js",
        r"nlg/prompts/.*\.md",
        r"models/heads/.*",
    ):
        assert any(re.search(wanted, name) for name in names), wanted


def test_the_wheel_carries_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if not name.startswith(("rasa_llm_components/", "rasa_llm_components-"))]
    assert not [name for name in names if "node_modules" in name]


def test_the_guide_says_three_lines():
    assert [set(entry) for entry in yaml.safe_load(three_lines())] == [{"name"}] * 3


def test_a_new_bot_with_the_three_lines_trains_and_reads_a_message(python, tmp_path):
    bot = shutil.copytree(NEW_BOT, tmp_path / "bot")
    config = bot / "config.yml"
    config.write_text(with_three_lines(config.read_text()))
    result = json.loads(run(python, TRAIN_AND_READ, bot).splitlines()[-1])
    assert Path(result["package"]).is_relative_to(python.parents[1])
    message = result["message"]
    assert message["intent"]["name"] == "greet"
    assert message["intent"]["confidence"] > 0.5
    assert message["sentiment"]["label"] in ("negative", "neutral", "positive")
