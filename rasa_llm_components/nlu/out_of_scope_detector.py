"""Says when a message belongs to none of the bot's intents."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import (
    INTENT,
    INTENT_NAME_KEY,
    INTENT_RANKING_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_llm_components.models.out_of_scope.detector import OutOfScopeHead
from rasa_llm_components.models.out_of_scope.scores import SCORES, generic_sentences
from rasa_llm_components.nlu.configuration import check_configuration, check_trained_version, other_encoder
from rasa_llm_components.nlu.sentence_vector import sentence_vector, training_vectors
from rasa_llm_components.nlu.transformer_featurizer import DEFAULT_ALIAS, TransformerFeaturizer
from rasa_llm_components.version import __version__

logger = logging.getLogger(__name__)

_ABOUT_FILE = "trained_with.json"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class OutOfScopeDetector(IntentClassifier, GraphComponent):
    """Puts `nlu_fallback` in front of the ranking when a message is far from what the bot was trained on.

    It stands after an intent classifier, whichever that is, and reads the TransformerFeaturizer's vector.
    """

    @staticmethod
    def required_packages() -> list[str]:
        """Packages whose versions belong to a trained model's fingerprint."""
        return ["sklearn"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Keys and defaults."""
        return {
            # The `alias` of the TransformerFeaturizer to read.
            "featurizer": DEFAULT_ALIAS,
            # Share of rightly understood messages that may be declined.
            "false_alarm_rate": 0.025,
            # What a message out of scope is called. Training examples of an intent of this name count as such.
            "intent": DEFAULT_NLU_FALLBACK_INTENT_NAME,
            # A name in `models/out_of_scope/scores.py`, or the one that is best on the training data.
            "score": "auto",
            # Decides folds.
            "random_seed": 42,
        }

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> OutOfScopeDetector:
        """Makes an untrained component."""
        cls.validate_config(config)
        return cls(config, model_storage, resource)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Raises InvalidConfigException for unknown keys, wrong types and rates that are none."""
        check_configuration(cls.__name__, config, cls.get_default_config())
        rate = config["false_alarm_rate"]
        if not 0 < rate < 0.5:
            raise InvalidConfigException(
                f"{cls.__name__}: `false_alarm_rate: {rate}` is no share between 0 and 0.5. Write 0.025, which"
                " declines one in forty messages that would have been understood."
            )
        if config["score"] not in ("auto", *SCORES):
            raise InvalidConfigException(
                f"{cls.__name__}: `score: {config['score']}`: no such score. One of auto, {', '.join(SCORES)}."
            )
        if not config["intent"].strip():
            raise InvalidConfigException(f"{cls.__name__}: `intent:` is empty. Write nlu_fallback, or out_of_scope.")

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Rasa trains again with another version of this package."""
        return __version__

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        head: OutOfScopeHead | None = None,
    ) -> None:
        """Wraps a head. Use `create` or `load`."""
        self._config, self._model_storage, self._resource, self._head = config, model_storage, resource, head

    def train(self, training_data: TrainingData) -> Resource:
        """Finds the threshold on the examples that have a text and an intent, and stores it.

        Raises:
            InvalidConfigException: fewer than two intents, no featurizer in front, or none with a model of its own.
        """
        component = type(self).__name__
        examples = [message for message in training_data.intent_examples if message.get(TEXT)]
        labels = np.array([message.get(INTENT) for message in examples], dtype=object)
        inside = labels != self._config["intent"]
        if len(set(labels[inside])) < 2:
            raise InvalidConfigException(
                f"{component}: the training data has {len(set(labels[inside]))} intent(s) with examples, apart from"
                f" {self._config['intent']}. Add examples of a second intent to data/nlu.yml"
            )
        vectors = training_vectors(examples, self._config["featurizer"], component)
        encoder = TransformerFeaturizer.encoder_called(self._config["featurizer"])
        if encoder is None:
            raise InvalidConfigException(f"{component}: `featurizer: {self._config['featurizer']}` was not created.")
        self._head = OutOfScopeHead.fit(
            vectors[inside],
            labels[inside].tolist(),
            encoder.encode(generic_sentences()),
            false_alarm_rate=self._config["false_alarm_rate"],
            score=self._config["score"],
            out_of_scope=vectors[~inside],
            encoder=encoder.fingerprint,
            seed=self._config["random_seed"],
        )
        _report(self._head)
        with self._model_storage.write_to(self._resource) as folder:
            self._head.save_pretrained(folder)
            about = {"trained_with": __version__, "configuration": self._config}
            (folder / _ABOUT_FILE).write_text(json.dumps(about), encoding="utf-8")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets `out_of_scope` on each message, and changes intent and ranking of those that are.

        The true first intent then stands second in the ranking. A message that is `nlu_fallback` already keeps its
        ranking. One without a word is out of scope, with no score; one that the featurizer has not read is left alone.
        """
        for message in messages:
            if self._head is None:
                continue
            text = message.get(TEXT)
            vector = sentence_vector(message, self._config["featurizer"]) if text else None
            if vector is not None:
                score = float(self._head.score(vector[None, :])[0])
                self._judge(message, score, float(self._head.probability(vector[None, :])[0]))
            elif text is not None and not text.strip():
                self._judge(message, None, 1.0)
        return messages

    def _judge(self, message: Message, score: float | None, probability: float) -> None:
        assert self._head is not None
        threshold = self._head.found.threshold
        message.set("out_of_scope", {"score": score, "threshold": threshold}, add_to_output=True)
        if score is None or score < threshold:
            self._decline(message, probability)

    def _decline(self, message: Message, probability: float) -> None:
        ranking = message.get(INTENT_RANKING_KEY) or []
        first = (message.get(INTENT) or {}).get(INTENT_NAME_KEY)
        if first in (DEFAULT_NLU_FALLBACK_INTENT_NAME, self._config["intent"]):
            return
        unknown = {INTENT_NAME_KEY: self._config["intent"], PREDICTED_CONFIDENCE_KEY: probability}
        others = [intent for intent in ranking if intent[INTENT_NAME_KEY] != self._config["intent"]]
        message.set(INTENT, unknown, add_to_output=True)
        message.set(INTENT_RANKING_KEY, [unknown, *others], add_to_output=True)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> OutOfScopeDetector:
        """Reads a trained component, with the configuration it was trained with.

        Raises:
            InvalidConfigException: the model was trained with another version or encoder, or is not whole.
        """
        try:
            with model_storage.read_from(resource) as folder:
                about = json.loads((folder / _ABOUT_FILE).read_text(encoding="utf-8"))
                trained_with, configuration = about["trained_with"], about["configuration"]
                head = OutOfScopeHead.from_pretrained(folder)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InvalidConfigException(
                f"{cls.__name__}: the trained model holds no whole detector. Train again: rasa train"
            ) from error
        check_trained_version(cls.__name__, trained_with)
        encoder = TransformerFeaturizer.encoder_called(config["featurizer"])
        if encoder is not None and head.encoder != encoder.fingerprint:
            raise other_encoder(cls.__name__, head.encoder, encoder.fingerprint)
        return cls({**config, **configuration}, model_storage, resource, head)


def _report(head: OutOfScopeHead) -> None:
    found = head.found
    if found.auroc:
        ranked = ", ".join(f"{name} {value:.3f}" for name, value in sorted(found.auroc.items(), key=lambda s: -s[1]))
        logger.info(
            f"Messages are out of scope below {found.threshold:.3f} of {found.score}. That declines"
            f" {found.caught_unknown_intents:.0%} of examples whose intent was left out of the training, and"
            f" {found.caught_far:.0%} of what is far. Area under the curve of each score: {ranked}"
        )
    else:
        logger.warning(
            f"Too few intents to measure how well unknown topics are found; {found.score} was taken,"
            f" with threshold {found.threshold:.3f}."
        )
