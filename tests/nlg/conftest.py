"""A small shop's documents, the packaged encoder, and generators that do what a test wants of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from rasa_llm_components.knowledge import KnowledgeBase
from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.models.stand_ins import StandInTextGenerator
from rasa_llm_components.nlg.answerer import Answerer
from rasa_llm_components.nlg.settings import Settings

DOCUMENTS = Path(__file__).parent / "documents"


@pytest.fixture(scope="session")
def encoder():
    return shared_encoder({})


@pytest.fixture(scope="session")
def knowledge(encoder):
    return KnowledgeBase.from_folder(DOCUMENTS, encoder)


@pytest.fixture(scope="session")
def passage(knowledge):
    """Finds the passage that holds a text."""

    def find(text):
        return next(passage for passage in knowledge.passages if text in passage.text)

    return find


@pytest.fixture
def answerer(knowledge, encoder):
    """Makes an answerer whose stand-in generator says `reply`: a text, or a function of the prompt."""

    def make(reply=None, *, generator=None, **settings):
        if reply is not None:
            generator = StandInTextGenerator(reply if callable(reply) else lambda messages: reply)
        return Answerer(knowledge, generator, encoder, Settings(**settings))

    return make


@pytest.fixture(scope="session")
def server():
    """A real HTTP server in a process of its own; see its file for how it can fail."""
    script = Path(__file__).parent.parent / "models" / "openai_server.py"
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.wait()
