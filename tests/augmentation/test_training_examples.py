"""Rasa's nlu files, read without Rasa."""

import pytest
from rasa.shared.nlu.training_data.loading import load_data

from rasa_llm_components.augmentation.training_examples import TrainingExamples
from rasa_llm_components.errors import ConfigurationError
from tests.augmentation.conftest import OPENING_HOURS, ORDER_STATUS, RETURNS


def test_reads_both_forms_and_leaves_what_is_no_intent(bot):
    examples = TrainingExamples.from_path(bot / "data")
    assert examples.by_intent == {
        "opening_hours": OPENING_HOURS,
        "order_status": ORDER_STATUS,
        "returns": RETURNS,
    }


def test_reads_what_rasa_reads(bot):
    texts, intents = TrainingExamples.from_path(bot / "data").pairs()
    rasas = [one for file in ("nlu.yml", "returns.yaml") for one in load_data(str(bot / "data" / file)).intent_examples]
    assert sorted(zip(texts, intents)) == sorted((one.get("text"), one.get("intent")) for one in rasas)


def test_an_intent_called_yes_is_a_text(tmp_path):
    (tmp_path / "nlu.yml").write_text(
        "nlu:\n- intent: yes\n  examples: |\n    - sure\n- intent: no\n  examples: |\n    - nope\n"
    )
    assert set(TrainingExamples.from_path(tmp_path).by_intent) == {"yes", "no"}


def test_one_intent_is_too_few(tmp_path):
    (tmp_path / "nlu.yml").write_text("nlu:\n- intent: greet\n  examples: |\n    - hello\n    - hi\n")
    with pytest.raises(ConfigurationError, match=r"1 intent.* takes two"):
        TrainingExamples.from_path(tmp_path)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "nlu.yml").write_text("nlu: [")
    with pytest.raises(ConfigurationError, match=r"nlu.yml.*this is no YAML file"):
        TrainingExamples.from_path(tmp_path)


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"nowhere.*no such file or folder"):
        TrainingExamples.from_path(tmp_path / "nowhere")


def test_thinning_takes_examples_from_the_whole_list():
    examples = TrainingExamples({"a": tuple("abcdefghi"), "b": ("x",)}).thinned(3)
    assert examples.by_intent == {"a": ("a", "e", "i"), "b": ("x",)}
