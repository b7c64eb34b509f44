"""Gives every message the transformer's vectors, so that each later component reads the same single pass."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any, ClassVar

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import DENSE_FEATURIZABLE_ATTRIBUTES, TOKENS_NAMES
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_llm_components.errors import EncodingError
from rasa_llm_components.models.protocols import Kind, SentenceEncoder
from rasa_llm_components.models.registry import ENCODER_KEYS, shared_encoder
from rasa_llm_components.nlu.configuration import check_configuration, errors_for
from rasa_llm_components.nlu.lazy_features import LazyFeatures
from rasa_llm_components.steps import step

logger = logging.getLogger(__name__)

DEFAULT_ALIAS = "TransformerFeaturizer"

_AT_ONCE = 4096
"""Training examples whose tokens' vectors are in memory beside the features that are made from them."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class TransformerFeaturizer(DenseFeaturizer, GraphComponent):
    """Dense sentence and sequence features from one forward pass of an encoder.

    What the encoder reads is normalised (Unicode NFKC, control characters, spaces, over-long repeats);
    the message itself keeps every character, so entity offsets stay right.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        """A tokenizer comes first: sequence features have one row a token."""
        return [Tokenizer]

    @staticmethod
    def required_packages() -> list[str]:
        """Packages whose versions belong to a trained model's fingerprint. Rasa imports them when it trains."""
        return ["tokenizers", "onnxruntime"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Which encoder (`ENCODER_KEYS`), and what of its vectors other components find under which name."""
        return {
            **ENCODER_KEYS,
            # The name under which heads find these features.
            "alias": DEFAULT_ALIAS,
            # Give each word its vector too. Only DIET, CRF, TED and the like read them, never our own heads.
            "word_features": True,
        }

    _encoders: ClassVar[dict[str, SentenceEncoder]] = {}

    @classmethod
    def encoder_called(cls, alias: str) -> SentenceEncoder | None:
        """The encoder of the featurizer created last under this alias: it made the vectors that a head reads."""
        return cls._encoders.get(alias)

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TransformerFeaturizer:
        """Loads the encoder, or takes the one that another component loaded."""
        cls.validate_config(config)
        with errors_for(cls.__name__):
            encoder = shared_encoder(config)
        cls._encoders[config["alias"]] = encoder
        return cls(execution_context.node_name, config, encoder)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Raises InvalidConfigException for unknown keys and wrong types."""
        check_configuration(cls.__name__, config, cls.get_default_config())

    def __init__(self, name: str, config: dict[str, Any], encoder: SentenceEncoder) -> None:
        """Wraps an encoder. Use `create`."""
        super().__init__(name, config)
        self._encoder = encoder

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Rasa trains again when the weights behind the same name have changed."""
        with errors_for(cls.__name__):
            return shared_encoder(config).fingerprint

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Adds features to all training examples, in batches."""
        examples = training_data.training_examples
        for start in range(0, len(examples), _AT_ONCE):
            self._add_features(examples[start : start + _AT_ONCE], show_progress=True)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Adds features to incoming messages, each by itself: a message reads the same alone and among others."""
        for message in messages:
            if self._has_quick_way:
                self._add_lazily(message)
                continue
            try:
                with step("encode"):
                    self._add_features([message], show_progress=False)
            except EncodingError as error:
                logger.warning(f"{type(self).__name__}: a message is not read: {error}")
                self._add_nothing(message)
        return messages

    def _add_nothing(self, message: Message) -> None:
        """Zeros, under a name that no head of ours reads: others get what fits what they were trained on."""
        for attribute in DENSE_FEATURIZABLE_ATTRIBUTES:
            tokens = message.get(TOKENS_NAMES[attribute])
            if tokens:
                words = np.zeros((len(tokens), self._encoder.dimension), np.float32)
                for features, kind in ((words, FEATURE_TYPE_SEQUENCE), (words[:1], FEATURE_TYPE_SENTENCE)):
                    if kind == FEATURE_TYPE_SENTENCE or self._config["word_features"]:
                        message.add_features(Features(features, kind, attribute, f"{self._identifier}: not read"))

    def _add_lazily(self, message: Message) -> None:
        """Features that are computed when a component reads them."""
        for attribute in DENSE_FEATURIZABLE_ATTRIBUTES:
            if not message.get(TOKENS_NAMES[attribute]):
                continue
            if self._config["word_features"]:
                self._add_lazy_words(message, attribute, keep=True)
            text = message.get(attribute) or ""
            sentence = partial(self._encoder.encode, [text], kind=_kind(attribute))
            message.add_features(
                LazyFeatures(
                    sentence, FEATURE_TYPE_SENTENCE, attribute, self._identifier, made_of=self._made_of(text, attribute)
                )
            )

    def _add_lazy_words(self, message: Message, attribute: str, *, keep: bool) -> None:
        words = partial(self._words, message, attribute)
        made_of = self._made_of(message.get(attribute) or "", attribute)
        message.add_features(
            LazyFeatures(words, FEATURE_TYPE_SEQUENCE, attribute, self._identifier, made_of=made_of, keep=keep)
        )

    def _words(self, message: Message, attribute: str) -> np.ndarray:
        [encoded] = self._encoder.encode_words([message.get(attribute) or ""], kind=_kind(attribute))
        return encoded.words(_spans(message, attribute))

    def _made_of(self, text: str, attribute: str) -> str:
        return f"{self._encoder.fingerprint} {_kind(attribute)} {text}"

    def _add_features(self, messages: list[Message], *, show_progress: bool) -> None:
        lazily = self._has_quick_way
        for attribute in DENSE_FEATURIZABLE_ATTRIBUTES:
            tokenized = [message for message in messages if message.get(TOKENS_NAMES[attribute])]
            if not tokenized:
                continue
            texts, kind = [message.get(attribute) or "" for message in tokenized], _kind(attribute)
            if self._config["word_features"] and not lazily:
                encoded = self._encoder.encode_words(texts, kind=kind, show_progress=show_progress)
                for message, vectors in zip(tokenized, encoded):
                    words = vectors.words(_spans(message, attribute))
                    self.add_features_to_message(words, vectors.sentence[None, :], attribute, message)
                continue
            sentences = self._encoder.encode(texts, kind=kind, show_progress=show_progress)
            for message, sentence in zip(tokenized, sentences):
                if self._config["word_features"]:
                    self._add_lazy_words(message, attribute, keep=False)
                self.add_features_to_message(None, sentence[None, :], attribute, message)

    @property
    def _has_quick_way(self) -> bool:
        return getattr(self._encoder, "has_quick_way", False)


def _kind(attribute: str) -> Kind:
    return "query" if attribute == TEXT else "passage"


def _spans(message: Message, attribute: str) -> list[tuple[int, int]]:
    return [(token.start, token.end) for token in message.get(TOKENS_NAMES[attribute])]
