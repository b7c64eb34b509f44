"""What other components find on a message after the featurizer: the contract of a dense featurizer."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from rasa.shared.nlu.constants import ACTION_TEXT, RESPONSE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_llm_components.models.registry import shared_encoder
from rasa_llm_components.nlu import TransformerFeaturizer, transformer_featurizer
from rasa_llm_components.nlu.lazy_features import LazyFeatures
from rasa_llm_components.nlu.sentence_vector import sentence_vector


@pytest.fixture
def made(tmp_path: Path) -> Any:
    """Makes a component as Rasa's graph does: `made(component, **keys)`."""

    def make(component: Any, **keys: Any) -> Any:
        config = {**component.get_default_config(), **keys}
        context = ExecutionContext(GraphSchema({}), node_name="node")
        return component.create(config, LocalModelStorage(tmp_path), Resource("resource"), context)

    return make


def featurized(made: Any, message: Message, **keys: Any) -> Message:
    made(WhitespaceTokenizer).process([message])
    made(TransformerFeaturizer, **keys).process([message])
    return message


@pytest.mark.parametrize("text", ["hello", "where is my order, please?", "two\u200b  ｗｉｄｅ words", "🎁 gift"])
def test_one_row_a_token_and_one_for_the_sentence(made: Any, text: str) -> None:
    message = featurized(made, Message({TEXT: text}))
    sequence, sentence = message.get_dense_features(TEXT)
    assert sequence.features.shape == (len(message.get("text_tokens")), 384)
    assert sentence.features.shape == (1, 384)
    np.testing.assert_allclose(np.linalg.norm(sentence.features), 1, rtol=1e-5)
    assert message.get(TEXT) == text


def test_without_word_features_a_message_has_its_sentence_vector_alone(made: Any) -> None:
    message = featurized(made, Message({TEXT: "where is my order?"}), word_features=False)
    sequence, sentence = message.get_dense_features(TEXT)
    assert sequence is None
    whole = featurized(made, Message({TEXT: "where is my order?"})).get_dense_features(TEXT)[1]
    np.testing.assert_array_equal(sentence.features, whole.features)
    np.testing.assert_array_equal(sentence_vector(message, "TransformerFeaturizer"), sentence.features[0])


def test_featurizing_many_examples_takes_little_more_memory_than_their_features(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformer_featurizer, "_AT_ONCE", 300)
    texts = [f"message {number} of a customer who writes at some length" for number in range(1500)]
    training = TrainingData([Message({TEXT: text, "intent": "any"}) for text in texts])
    made(WhitespaceTokenizer).process_training_data(training)
    featurizer = made(TransformerFeaturizer, model="stand-in")
    tracemalloc.start()
    try:
        featurizer.process_training_data(training)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(len(message.get_dense_features(TEXT)) == 2 for message in training.training_examples)
    assert peak < 1.6 * kept


def test_words_of_examples_take_no_memory_whether_read_or_not(made: Any) -> None:
    texts = [f"message {number} of a customer who writes at some length" for number in range(600)]
    training = TrainingData([Message({TEXT: text, "intent": "any"}) for text in texts])
    made(WhitespaceTokenizer).process_training_data(training)
    featurizer = made(TransformerFeaturizer)
    tracemalloc.start()
    try:
        featurizer.process_training_data(training)
        for example in training.training_examples:
            words, _ = example.get_dense_features(TEXT)
            assert words.features.shape == (len(example.get("text_tokens")), 384)
        example = words = None
        shared_encoder({})._encode_one.cache_clear()  # the texts that the encoder itself remembers
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    words_and_sentences = 600 * (9 + 1) * 384 * 4
    assert kept < 0.4 * words_and_sentences


def test_the_training_cache_tells_messages_apart_without_computing_features() -> None:
    def compute() -> np.ndarray:
        raise AssertionError

    def fingerprint(text: str) -> str:
        message = Message({})
        message.add_features(LazyFeatures(compute, "sequence", "text", "featurizer", made_of=text))
        return str(message.fingerprint())

    assert fingerprint("hello") == fingerprint("hello") != fingerprint("bye")


def test_training_and_running_give_the_same_features(made: Any) -> None:
    texts = ["where is my order", "hi", "I would like to return the blue mug that I bought last week"]
    training = TrainingData([Message({TEXT: text, "intent": "any"}) for text in texts])
    made(WhitespaceTokenizer).process_training_data(training)
    made(TransformerFeaturizer, dtype="float32").process_training_data(training)
    for trained in training.training_examples:
        running = featurized(made, Message({TEXT: trained.get(TEXT)}), dtype="float32")
        for one, other in zip(trained.get_dense_features(TEXT), running.get_dense_features(TEXT)):
            np.testing.assert_allclose(one.features, other.features, atol=1e-5)


def test_responses_and_action_texts_get_features_too(made: Any) -> None:
    example = Message({TEXT: "are you open", RESPONSE: "We open at nine.", ACTION_TEXT: "We open at nine."})
    training = TrainingData([example])
    made(WhitespaceTokenizer).process_training_data(training)
    made(TransformerFeaturizer).process_training_data(training)
    for attribute in (TEXT, RESPONSE, ACTION_TEXT):
        sequence, sentence = example.get_dense_features(attribute)
        assert sequence.features.any()
        assert sentence.features.any()


def test_a_message_without_a_text_is_left_alone(made: Any) -> None:
    message = featurized(made, Message({"intent": "greet"}))
    assert message.features == []


def test_heads_find_the_vector_by_the_featurizers_alias(made: Any) -> None:
    message = featurized(made, Message({TEXT: "hello"}), alias="second")
    assert sentence_vector(message, "TransformerFeaturizer") is None
    vector = sentence_vector(message, "second")
    np.testing.assert_array_equal(vector, shared_encoder({}).encode(["hello"])[0])


def test_the_training_cache_notices_other_weights(made: Any) -> None:
    default = TransformerFeaturizer.get_default_config()
    assert TransformerFeaturizer.fingerprint_addon(default) == shared_encoder({}).fingerprint
    assert TransformerFeaturizer.fingerprint_addon({**default, "model": "stand-in"}) != shared_encoder({}).fingerprint


def test_features_are_computed_when_somebody_reads_them() -> None:
    computed = []

    def compute() -> np.ndarray:
        computed.append(1)
        return np.ones((1, 4))

    features = LazyFeatures(compute, "sentence", "text", "featurizer", made_of="hello")
    assert features.is_dense()
    assert not computed
    assert features.features.shape == (1, 4)
    assert features.features.sum() == 4
    assert len(computed) == 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda features: pickle.loads(pickle.dumps(features))])
def test_a_copy_is_of_plain_features(copied: Callable[[Features], Features]) -> None:
    one = copied(LazyFeatures(lambda: np.ones((2, 4)), "sequence", "text", "featurizer", made_of="hello"))
    assert type(one) is Features
    assert (one.features.shape, one.type, one.attribute, one.origin) == ((2, 4), "sequence", "text", "featurizer")
