"""`rasa-llm augment` as a person sees it: the file, what is printed, the exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rasa.shared.nlu.training_data.loading import load_data

from rasa_llm_components.cli import main
from rasa_llm_components.errors import GenerationError
from rasa_llm_components.models import registry

SERVER = Path(__file__).parents[1] / "models" / "openai_server.py"
REPLIES = {
    "order status": [
        "- where has my package got to\n- purple elephants dance\n- has WW10007 been sent yet?",
        "- my parcel is late, where is it",
    ],
    "opening hours": [
        "- what are your business hours?\n- où est mon colis, il est en retard",
        "- is the shop open tomorrow",
    ],
    "returns": ["- how can I send an item back\n- I want to send this back", "- can I return what I bought"],
}


@pytest.fixture
def augment(bot, capsys, monkeypatch, writing):
    """Runs the command on the bot with a stand-in generator, which `augment.generator` then is."""

    def run(*arguments, replies=None):
        run.generator = writing(replies or REPLIES)
        monkeypatch.setattr(registry, "shared_generator", lambda keys: run.generator)
        code = main(["augment", "--bot", str(bot), "--model", "a-stand-in", *map(str, arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    run.file = bot / "data" / "augmented" / "nlu.yml"
    return run


@pytest.fixture(scope="module")
def server():
    process = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.wait()


def test_writes_an_nlu_file_that_rasa_reads(augment):
    code, out, _ = augment("--per-intent", 2, "--calls", 2)
    assert code == 0
    new = load_data(str(augment.file))
    assert {(one.get("intent"), one.get("text")) for one in new.intent_examples} == {
        ("order_status", "where has my package got to"),
        ("order_status", "has WW10007 been sent yet?"),
        ("opening_hours", "what are your business hours?"),
        ("opening_hours", "is the shop open tomorrow"),
        ("returns", "how can I send an item back"),
        ("returns", "can I return what I bought"),
    }
    marked = next(one for one in new.intent_examples if "WW10007" in one.get("text"))
    assert [(entity["entity"], entity["value"]) for entity in marked.get("entities")] == [("order_number", "WW10007")]
    assert "6  kept" in out


def test_first_lines_say_how_the_file_was_made(augment):
    augment("--per-intent", 2, "--seed", 7)
    header = " ".join(line[2:] for line in augment.file.read_text().splitlines() if line.startswith("#"))
    for part in (
        "a language model wrote",
        "a-stand-in",
        "seed 7",
        "15 examples of 3 intents",
        "6 kept",
        "1 another language",
    ):
        assert part in header


def test_an_existing_file_stays_as_it_is(augment):
    augment.file.parent.mkdir()
    augment.file.write_text("nlu:\n- intent: returns\n  examples: |\n    - mine\n")
    code, _, error = augment("--per-intent", 2)
    assert code == 1
    assert "--resume" in error
    assert "--force" in error
    assert augment.file.read_text().endswith("- mine\n")
    assert augment.generator.prompts == []


def test_force_makes_it_anew(augment):
    augment.file.parent.mkdir()
    augment.file.write_text("nlu:\n- intent: returns\n  examples: |\n    - mine\n")
    assert augment("--force")[0] == 0
    assert "mine" not in augment.file.read_text()


def test_resume_keeps_what_a_person_left_and_adds_what_is_missing(augment):
    augment("--per-intent", 1, "--calls", 1)
    edited = augment.file.read_text().replace("how can I send an item back", "how do I give things back, please")
    augment.file.write_text(edited)
    code, _, _ = augment("--per-intent", 2, "--resume")
    assert code == 0
    returns = [
        one.get("text") for one in load_data(str(augment.file)).intent_examples if one.get("intent") == "returns"
    ]
    assert returns == ["how do I give things back, please", "how can I send an item back"]


def test_enough_is_enough(augment):
    augment("--per-intent", 2)
    code, out, _ = augment("--per-intent", 2)
    assert code == 0
    assert "already has 2 or more examples" in out
    assert augment.generator.prompts == []


def test_only_the_named_intents_are_asked_for(augment):
    augment("--intents", "returns", "--per-intent", 2)
    assert {one.get("intent") for one in load_data(str(augment.file)).intent_examples} == {"returns"}
    assert all("Topic: returns\n" in prompt[-1]["content"] for prompt in augment.generator.prompts)


def test_descriptions_reach_the_generator(augment, tmp_path):
    descriptions = tmp_path / "descriptions.yml"
    descriptions.write_text("returns: sending goods back\n")
    augment("--intents", "returns", "--descriptions", descriptions, replies={"sending goods back": ["- give it back"]})
    assert "Topic: sending goods back\n" in augment.generator.prompts[0][-1]["content"]


def test_description_of_an_unknown_intent_is_a_slip(augment, tmp_path):
    descriptions = tmp_path / "descriptions.yml"
    descriptions.write_text("retruns: sending goods back\n")
    code, _, error = augment("--descriptions", descriptions)
    assert code == 1
    assert "retruns" in error


def test_interruption_keeps_what_was_made(augment):
    code, out, _ = augment("--per-intent", 2, replies={**REPLIES, "returns": [KeyboardInterrupt]})
    assert code == 1
    assert "--resume goes on" in out
    assert {one.get("intent") for one in load_data(str(augment.file)).intent_examples} == {
        "opening_hours",
        "order_status",
    }
    assert "stopped before its end" in augment.file.read_text()


def test_a_server_that_fails_in_the_middle_costs_nothing_of_what_was_made(augment):
    away = GenerationError("http://127.0.0.1:7698/v1: ConnectError.")
    code, out, _ = augment("--per-intent", 2, replies={name: [texts[0], away] for name, texts in REPLIES.items()})
    assert code == 1
    assert "The generator failed" in out
    assert len(load_data(str(augment.file)).intent_examples) == 4


def test_one_failed_call_does_not_end_the_run(augment):
    late = GenerationError("no whole reply within 120.0 seconds.")
    code, _, _ = augment("--per-intent", 2, replies={**REPLIES, "returns": [late, *REPLIES["returns"]]})
    assert code == 0
    assert len(load_data(str(augment.file)).intent_examples) == 6


def test_all_verdicts_are_in_the_json_file(augment, tmp_path):
    augment("--per-intent", 2, "--json", tmp_path / "record.json")
    record = json.loads((tmp_path / "record.json").read_text())
    verdicts = {one["text"]: one["verdict"] for one in record["candidates"]}
    assert verdicts["purple elephants dance"] in ("information", "other intent")
    assert verdicts["I want to send this back"] == "repeated"
    assert record["verdicts"]["kept"] == 6


def test_a_generator_that_writes_nonsense_is_called_too_weak(augment):
    nonsense = {name: ["- purple elephants dance\n- the moon is made of cheese\n- seven"] for name in REPLIES}
    code, out, _ = augment(replies=nonsense)
    assert code == 0
    assert "too weak" in out
    assert not augment.file.exists()


def test_without_a_generator_it_says_how_to_name_one(bot, capsys):
    assert main(["augment", "--bot", str(bot)]) == 1
    error = capsys.readouterr().err
    assert "no text generator is named" in error
    assert "--endpoint" in error


def test_generator_of_endpoints_yml_is_taken(bot, capsys, server):
    (bot / "endpoints.yml").write_text(
        f"nlg: {{type: rasa_llm_components.nlg.GenerativeNLG, endpoint: '{server}/500/v1', model: m, knowledge: k}}\n"
    )
    assert main(["augment", "--bot", str(bot)]) == 1
    assert f"{server}/500/v1/chat/completions: HTTP 500" in capsys.readouterr().err


def test_a_server_that_is_away_is_told_and_nothing_is_written(bot, capsys):
    assert main(["augment", "--bot", str(bot), "--endpoint", "http://127.0.0.1:7699/v1", "--model", "m"]) == 1
    error = capsys.readouterr().err
    assert "127.0.0.1:7699" in error
    assert "Nothing was made." in error
    assert not (bot / "data" / "augmented").exists()
