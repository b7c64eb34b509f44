"""rasa-llm cost with a bot that was really trained."""

import json
import os
from pathlib import Path

import pytest

from rasa_llm_components.cli import main
from rasa_llm_components.cost.measurement import measure
from rasa_llm_components.cost.messages import MOST, messages_from
from rasa_llm_components.errors import ConfigurationError
from tests.nlu.conftest import CLASSIFIER, FEATURIZER, SHOP, as_nlu, train

MESSAGES = [f"where is parcel number {number}" for number in range(30)]


@pytest.fixture(scope="module")
def bot(tmp_path_factory):
    """A trained bot's folder."""
    folder = tmp_path_factory.mktemp("bot")
    os.environ["RASA_MAX_CACHE_SIZE"] = "0"
    pipeline = [{"name": "WhitespaceTokenizer"}, FEATURIZER, {**CLASSIFIER, "finetune": False}]
    train(folder, pipeline, as_nlu(SHOP))
    return folder


@pytest.fixture(scope="module")
def cost(bot):
    return measure(bot / "models", [*MESSAGES, *MESSAGES, "  "])


def test_every_component_is_timed_for_every_different_message(cost):
    names = [step.component for step in cost.steps]
    order = ["WhitespaceTokenizer", "TransformerFeaturizer", "TransformerIntentClassifier"]
    assert [name for name in names if name in order] == order
    assert names[-1] == "Rasa itself"
    assert cost.messages == len(MESSAGES)
    assert sum(step.share for step in cost.steps) == pytest.approx(1, abs=0.01)
    assert all(step.p50_ms <= step.p99_ms for step in cost.steps)


def test_the_encoder_reads_each_message_and_remembers_none_of_them(cost):
    steps = {step.component: step for step in cost.steps}
    reads = steps["TransformerIntentClassifier"]  # the first one that asks for the vector
    assert reads.p50_ms > 10 * steps["RegexMessageHandler"].p50_ms


def test_layers_are_those_of_the_packaged_encoder(cost):
    assert [(one.component, one.count, one.tuned) for one in cost.layers] == [("TransformerFeaturizer", 6, False)]


def test_memory_grows_with_the_bot(cost):
    assert 0 < cost.memory_mb["before"] <= cost.memory_mb["loaded"]


def test_prices_follow_from_speed(cost):
    hours = 1_000_000 / cost.messages_per_second / 3600
    assert cost.price_a_million(3.0) == pytest.approx(3.0 * hours)
    assert cost.kwh_a_million == pytest.approx(cost.watts * hours / 1000)


def test_a_bot_without_policies_decides_nothing(cost):
    assert cost.decision is None


def test_the_policies_of_a_bot_that_has_some_are_timed_apart(tmp_path):
    from rasa.model_training import train as train_all

    files = {
        "config.yml": "recipe: default.v1\nlanguage: en\nassistant_id: small\n"
        "pipeline: [{name: KeywordIntentClassifier}]\npolicies: [{name: RulePolicy}]\n",
        "domain.yml": 'version: "3.1"\nintents: [greet, bye]\nresponses: {utter_greet: [{text: hello}]}\n',
        "data/nlu.yml": 'version: "3.1"\nnlu:\n'
        "- {intent: greet, examples: '- hello'}\n- {intent: bye, examples: '- goodbye'}\n",
        "data/rules.yml": 'version: "3.1"\nrules: [{rule: a, steps: [{intent: greet}, {action: utter_greet}]}]\n',
    }
    (tmp_path / "data").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    made = train_all(
        str(tmp_path / "domain.yml"), str(tmp_path / "config.yml"), str(tmp_path / "data"), str(tmp_path / "models")
    )
    found = measure(Path(made.model), ["hello", "goodbye"])
    assert found.decision is not None
    assert 0 < found.decision.p50_ms <= found.decision.p99_ms
    assert found.layers == []


def test_the_command_prints_a_table_and_writes_the_figures(bot, tmp_path, capsys):
    messages, record = tmp_path / "messages.txt", tmp_path / "cost.json"
    messages.write_text("\n".join(MESSAGES))
    arguments = ["--model", bot / "models", "--messages", messages, "--price-per-hour", "0.5", "--json", record]
    assert main(["cost", *map(str, arguments)]) == 0
    out = capsys.readouterr().out
    assert "TransformerFeaturizer" in out
    assert "messages a second in one Rasa process" in out
    assert "debug" not in out
    written = json.loads(record.read_text())
    assert written["messages"] == len(MESSAGES)
    expected = 0.5 * 1e6 / written["messages_per_second"] / 3600
    assert written["price_a_million_messages"] == pytest.approx(expected, rel=0.01)


def test_the_bots_own_examples_are_the_messages(bot):
    assert set(messages_from(None, bot / "data")) == {text for texts in SHOP.values() for text in texts}


def test_of_many_messages_some_are_taken_from_everywhere(tmp_path):
    file = tmp_path / "messages.txt"
    file.write_text("\ufeff" + "\n".join(f"message {number}" for number in range(2 * MOST)), encoding="utf-8")
    taken = messages_from(file, tmp_path)
    assert len(taken) == MOST
    assert taken[:2] == ["message 0", "message 2"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "nowhere", "--messages", "FILE"], "nowhere: no trained bot could be loaded"),
        (["--messages", "nowhere.txt"], "nowhere.txt: can't be read: No such file or directory."),
        (["--data", "nowhere"], "nowhere: there is no such file or folder."),
    ],
)
def test_mistakes_are_told_in_a_sentence(tmp_path, capsys, arguments, said):
    file = tmp_path / "messages.txt"
    file.write_text("hello")
    assert main(["cost", *(str(file) if part == "FILE" else part for part in arguments)]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_no_messages_is_told_in_a_sentence(bot):
    with pytest.raises(ConfigurationError, match="no messages to measure with"):
        measure(bot / "models", ["  "])


@pytest.mark.parametrize("price", ["-1", "0", "nan", "free"])
def test_a_price_is_above_nothing(price, capsys):
    with pytest.raises(SystemExit):
        main(["cost", "--price-per-hour", price])
    assert "--price-per-hour" in capsys.readouterr().err
