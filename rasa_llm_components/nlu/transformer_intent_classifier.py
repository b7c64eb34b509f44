"""Says which intent a message has: a calibrated head on the transformer's sentence vector."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, PREDICTED_CONFIDENCE_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_llm_components.models.intent_head import HeldOut, IntentHead, thin_classes
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.nlu.configuration import check_configuration, check_trained_version, other_encoder
from rasa_llm_components.nlu.sentence_vector import sentence_vector, training_vectors
from rasa_llm_components.nlu.transformer_featurizer import DEFAULT_ALIAS, TransformerFeaturizer
from rasa_llm_components.version import __version__

logger = logging.getLogger(__name__)

_ABOUT_FILE = "trained_with.json"
_THIN = 5
_OVERLAP = 0.05


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TransformerIntentClassifier(IntentClassifier, GraphComponent):
    """Logistic regression on the TransformerFeaturizer's vector, with confidences that are probabilities."""

    # The featurizer in front is asked for in `train`: Rasa's own `required_components` check
    # would name the class, but not the line to add.

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
            # Read each intent's name ("order_status" -> "order status") as one more example of it.
            "intent_names": True,
            # Intents in the ranking of the parse output; 0 is all of them.
            "ranking_length": 0,
            # Decides which example falls into which fold of the calibration.
            "random_seed": 42,
        }

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TransformerIntentClassifier:
        """Makes an untrained component."""
        check_configuration(cls.__name__, config, cls.get_default_config())
        return cls(config, model_storage, resource)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Rasa trains again with another version of this package."""
        return __version__

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        head: IntentHead | None = None,
    ) -> None:
        """Wraps a head. Use `create` or `load`."""
        self._config, self._model_storage, self._resource, self._head = config, model_storage, resource, head

    def train(self, training_data: TrainingData) -> Resource:
        """Fits the head on all examples that have a text and an intent, and stores it.

        Raises:
            InvalidConfigException: fewer than two intents, or no featurizer in front.
        """
        examples = [message for message in training_data.intent_examples if message.get(TEXT)]
        labels = [message.get(INTENT) for message in examples]
        if len(set(labels)) < 2:
            raise InvalidConfigException(
                f"{type(self).__name__}: the training data has {len(set(labels))} intent(s) with examples,"
                " and telling intents apart takes two. Add examples of a second intent to data/nlu.yml"
            )
        vectors = training_vectors(examples, self._config["featurizer"], type(self).__name__)
        encoder = TransformerFeaturizer.encoder_called(self._config["featurizer"])
        self._head, held_out = IntentHead.fit(
            vectors,
            labels,
            name_vectors=_name_vectors(set(labels), encoder) if encoder and self._config["intent_names"] else {},
            encoder=encoder.fingerprint if encoder else "",
            seed=self._config["random_seed"],
        )
        _report(labels, self._head, held_out)
        self._persist()
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets `intent` and `intent_ranking`; a message without a text gets no intent, at confidence 0."""
        for message in messages:
            vector = sentence_vector(message, self._config["featurizer"]) if message.get(TEXT) else None
            ranking = [] if vector is None or self._head is None else self._ranking(vector)
            intent = ranking[0] if ranking else {INTENT_NAME_KEY: None, PREDICTED_CONFIDENCE_KEY: 0.0}
            message.set(INTENT, intent, add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
        return messages

    def _ranking(self, vector: np.ndarray) -> list[dict[str, Any]]:
        assert self._head is not None
        probabilities = self._head.predict_proba(vector[None, :])[0]
        order = np.argsort(-probabilities, kind="stable")[: self._config["ranking_length"] or None]
        return [
            {INTENT_NAME_KEY: self._head.classes_[index], PREDICTED_CONFIDENCE_KEY: float(probabilities[index])}
            for index in order
        ]

    def _persist(self) -> None:
        assert self._head is not None
        with self._model_storage.write_to(self._resource) as folder:
            self._head.save_pretrained(folder)
            about = {"trained_with": __version__, "configuration": self._config}
            (folder / _ABOUT_FILE).write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> TransformerIntentClassifier:
        """Reads a trained component, with the configuration it was trained with.

        Raises:
            InvalidConfigException: the model was trained with another version or encoder, or is not whole.
        """
        try:
            with model_storage.read_from(resource) as folder:
                about = json.loads((folder / _ABOUT_FILE).read_text(encoding="utf-8"))
                trained_with, configuration = about["trained_with"], about["configuration"]
                head = IntentHead.from_pretrained(folder)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InvalidConfigException(
                f"{cls.__name__}: the trained model holds no whole intent head. Train again: rasa train"
            ) from error
        check_trained_version(cls.__name__, trained_with)
        _check_encoder(cls.__name__, head, TransformerFeaturizer.encoder_called(config["featurizer"]))
        return cls({**config, **configuration}, model_storage, resource, head)


def _check_encoder(component: str, head: IntentHead, encoder: SentenceEncoder | None) -> None:
    if encoder is not None and head.encoder and head.encoder != encoder.fingerprint:
        raise other_encoder(component, head.encoder, encoder.fingerprint)


def _name_vectors(intents: set[str], encoder: SentenceEncoder) -> dict[str, np.ndarray]:
    """Vectors of the names that are words; `nlu_7` or `faq/12` would tell the head nothing."""
    words = {intent: re.sub(r"[_\-/+.]+", " ", intent).strip().lower() for intent in intents}
    readable = sorted(intent for intent, name in words.items() if re.fullmatch(r"[^\W\d]{2,}( [^\W\d]+)*", name))
    return dict(zip(readable, encoder.encode([words[intent] for intent in readable]))) if readable else {}


def _report(labels: list[str], head: IntentHead, held_out: HeldOut) -> None:
    """Logs what a developer can mend in the training data."""
    thin = thin_classes(labels, _THIN)
    if thin:
        listed = ", ".join(f"{intent} ({count})" for intent, count in thin.items())
        logger.warning(f"Intents with fewer than {_THIN} examples; a few more would help: {listed}")
    if not len(held_out.labels):
        logger.warning("Every intent has one example only: the confidences could not be calibrated.")
        return
    logger.info(
        f"{len(labels)} examples of {len(head.classes_)} intents;"
        f" {held_out.accuracy:.0%} of held-out examples right; temperature {head.temperature:.2f}"
    )
    pairs = held_out.confusable_pairs(head.classes_)
    listed = "; ".join(f"{one} and {other} ({share:.0%})" for one, other, share in pairs if share >= _OVERLAP)
    if listed:
        logger.warning(f"Intents that overlap, and the share of probability they take from each other: {listed}")
