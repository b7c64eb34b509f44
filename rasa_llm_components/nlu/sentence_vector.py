"""How a head reads the vector that the TransformerFeaturizer has put on a message."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message

PIPELINE_LINE = "- name: rasa_llm_components.nlu.TransformerFeaturizer"


def sentence_vector(message: Message, featurizer: str) -> np.ndarray | None:
    """The `(hidden,)` sentence vector of a message's text, or None when it has none.

    Args:
        message: a featurized message.
        featurizer: the `alias` of the TransformerFeaturizer.
    """
    found = _sentence_features(message, featurizer)
    return None if found is None else np.asarray(found.features[0], dtype=np.float32)


def is_featurized(message: Message, featurizer: str) -> bool:
    """Whether a message has a sentence vector; asking does not compute it."""
    return _sentence_features(message, featurizer) is not None


def training_vectors(messages: Sequence[Message], featurizer: str, component: str) -> np.ndarray:
    """The `(messages, hidden)` vectors of training examples.

    Raises:
        InvalidConfigException: there is no TransformerFeaturizer of that alias in front of the component.
    """
    vectors = [sentence_vector(message, featurizer) for message in messages]
    if not vectors or any(vector is None for vector in vectors):
        raise InvalidConfigException(
            f"{component}: `featurizer: {featurizer}`: no such features on the training examples."
            f" Add this line to the pipeline, above {component}: {PIPELINE_LINE}"
        )
    return np.stack([vector for vector in vectors if vector is not None])


def _sentence_features(message: Message, featurizer: str) -> Features | None:
    for features in message.features:
        if (
            features.origin == featurizer
            and features.attribute == TEXT
            and features.type == FEATURE_TYPE_SENTENCE
            and features.is_dense()
        ):
            return features
    return None
