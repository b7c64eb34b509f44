"""Says which intent a message has: a calibrated head on the transformer's sentence vector."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

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

from rasa_llm_components.models.finetuning.guards import oddities, unknown_words
from rasa_llm_components.models.finetuning.label_names import readable_names
from rasa_llm_components.models.finetuning.settings import KEY, FinetuneSettings
from rasa_llm_components.models.intent_head import IntentHead
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.shipped import shipped_fingerprint
from rasa_llm_components.nlu.configuration import (
    check_configuration,
    check_trained_version,
    errors_for,
    other_encoder,
)
from rasa_llm_components.nlu.sentence_vector import is_featurized, sentence_vector, training_vectors
from rasa_llm_components.nlu.several_intents import JOINT, joint_intent, training_parts, wishes
from rasa_llm_components.nlu.training_report import report_examples
from rasa_llm_components.nlu.transformer_featurizer import DEFAULT_ALIAS, TransformerFeaturizer
from rasa_llm_components.steps import step
from rasa_llm_components.version import __version__

if TYPE_CHECKING:
    from rasa_llm_components.models.finetuning.intent_model import TunedIntentModel

logger = logging.getLogger(__name__)

_ABOUT_FILE = "trained_with.json"
_FORMAT = 3
"""Of what is stored; another number trains again whatever Rasa's cache holds."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TransformerIntentClassifier(IntentClassifier, GraphComponent):
    """A head on the encoder's vector, or on top layers tuned for the bot; confidences are probabilities."""

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
            # Look for several intents in one message, and read `intent1+intent2` in the training data as two.
            "multi_intent": False,
            # Tune the encoder's top layers: auto, true, false, or keys (`models/finetuning/settings.py`).
            KEY: "auto",
            # Rounds through the examples at most; `rasa train --finetune` takes its fraction of them.
            "epochs": 8,
            # Decides the order of the examples, and which of them are held out.
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
        cls.validate_config(config)
        return cls(config, model_storage, resource)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Raises InvalidConfigException for unknown keys, wrong types and ways to train that there are not."""
        others = {key: value for key, value in config.items() if key != KEY}
        check_configuration(cls.__name__, others, cls.get_default_config())
        with errors_for(cls.__name__):
            FinetuneSettings.parse(config[KEY], epochs=config["epochs"])

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str | None:
        """Rasa trains again with another version of this package or of what it stores."""
        return f"{__version__} format {_FORMAT} {shipped_fingerprint('intent_adapter')}"

    def __init__(
        self,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        head: IntentHead | None = None,
        tuned: TunedIntentModel | None = None,
        joint: Sequence[str] = (),
    ) -> None:
        """Wraps a head on the featurizer's vectors, or a model with layers of its own. Use `create` or `load`."""
        self._config, self._model_storage, self._resource = config, model_storage, resource
        self._head, self._tuned, self._joint = head, tuned, list(joint)

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
        component, alias = type(self).__name__, self._config["featurizer"]
        vectors = training_vectors(examples, alias, component)
        encoder = TransformerFeaturizer.encoder_called(alias)
        texts = [message.get(TEXT) for message in examples]
        self._joint = sorted({label for label in labels if JOINT in label}) if self._config["multi_intent"] else []
        if self._joint and encoder:
            texts, labels = training_parts(texts, labels)
            vectors = encoder.encode(texts)
        with self._model_storage.write_to(self._resource) as folder:
            self._tuned = self._tune(texts, labels, encoder, folder)
            if self._tuned is None:
                self._head, held_out = IntentHead.fit(
                    vectors,
                    labels,
                    name_vectors=_name_vectors(set(labels), encoder)
                    if encoder and self._config["intent_names"]
                    else {},
                    encoder=encoder.fingerprint if encoder else "",
                    seed=self._config["random_seed"],
                )
                report_examples(labels, self._head.classes_, self._head.temperature, held_out)
                self._head.save_pretrained(folder)
            about = {
                "trained_with": __version__,
                "configuration": self._config,
                "tuned": self._tuned is not None,
                "joint": self._joint,
            }
            (folder / _ABOUT_FILE).write_text(json.dumps(about), encoding="utf-8")
        return self._resource

    def _tune(
        self, texts: list[str], labels: list[str], encoder: SentenceEncoder | None, folder: Path
    ) -> TunedIntentModel | None:
        """A model with layers of its own, stored in the folder; None where there should or can be none."""
        component = type(self).__name__
        with errors_for(component):
            settings = FinetuneSettings.parse(self._config[KEY], epochs=self._config["epochs"])
        for sentence in oddities(texts, labels):
            logger.warning(f"{component}: {sentence}")
        if settings.mode == "false":
            return None
        from rasa_llm_components.models.finetuning import can_be_tuned

        if not can_be_tuned(encoder):
            _cannot_be_tuned(component, settings)
            return None
        from rasa_llm_components.models.finetuning.intent_adapter import shipped_adapter
        from rasa_llm_components.models.finetuning.intent_tuning import IntentTuning
        from rasa_llm_components.models.finetuning.tuner import TrainingFailedError

        tuning = IntentTuning(
            cast(Any, encoder),
            texts,
            labels,
            names=self._config["intent_names"],
            settings=settings,
            seed=self._config["random_seed"],
            adapter=shipped_adapter(cast(Any, encoder)) if settings.adapter else None,
        )
        for sentence in unknown_words(tuning.unknown):
            logger.warning(f"{component}: {sentence}")
        try:
            outcome = tuning.run(before=self._tuned)
        except TrainingFailedError as error:
            raise InvalidConfigException(
                f"{component}: `{KEY}: {self._config[KEY]}`: the training broke down: {error}."
                f" Write a smaller learning rate ({KEY}: {{learning_rate: 1e-4}}), or {KEY}: false."
            ) from error
        outcome.history.save(folder)
        if outcome.model is None:
            logger.info(f"{component}: the encoder stays as it is: {outcome.history.facts['not_tuned']}.")
            return None
        report_examples(labels, outcome.model.classes_, outcome.model.temperature, outcome.held_out)
        outcome.model.save_pretrained(folder)
        tuning.export(outcome.model, folder)
        return outcome.model

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets `intent` and `intent_ranking`; a message without a text gets no intent, at confidence 0."""
        for message in messages:
            with step("intent"):
                probabilities = self._probabilities(message) if message.get(TEXT) else None
            ranking = [] if probabilities is None else self._ranking(probabilities)
            intent = ranking[0] if ranking else {INTENT_NAME_KEY: None, PREDICTED_CONFIDENCE_KEY: 0.0}
            message.set(INTENT, intent, add_to_output=True)
            message.set("intent_ranking", ranking, add_to_output=True)
            if self._config["multi_intent"] and ranking:
                self._look_for_several(message, ranking)
        return messages

    def _look_for_several(self, message: Message, ranking: list[dict[str, Any]]) -> None:
        """Sets `intents`, and the joint intent where the training data has one."""
        encoder = TransformerFeaturizer.encoder_called(self._config["featurizer"])
        assert encoder is not None

        def first_intent(text: str) -> dict[str, Any]:
            return self._ranking(self._probabilities_of(text, lambda: encoder.encode([text])[0]))[0]

        found = wishes(message.get(TEXT), first_intent)
        message.set("intents", found, add_to_output=True)
        joint = joint_intent(found, self._joint)
        if joint is not None:
            others = [intent for intent in ranking if intent[INTENT_NAME_KEY] != joint[INTENT_NAME_KEY]]
            message.set(INTENT, joint, add_to_output=True)
            message.set("intent_ranking", [joint, *others], add_to_output=True)

    def _probabilities(self, message: Message) -> np.ndarray | None:
        """`(classes,)` of one message, or None when nothing was trained or the featurizer is missing."""
        featurizer = self._config["featurizer"]
        if not is_featurized(message, featurizer) or (self._tuned is None and self._head is None):
            return None
        return self._probabilities_of(message.get(TEXT), lambda: sentence_vector(message, featurizer))

    def _probabilities_of(self, text: str, vector: Callable[[], np.ndarray | None]) -> np.ndarray:
        """`(classes,)`; only a head on the whole encoder's vector asks for that vector."""
        if self._tuned is not None:
            encoder: Any = TransformerFeaturizer.encoder_called(self._config["featurizer"])
            return self._tuned.predict_texts(encoder, [text])[0]
        read = vector()
        assert self._head is not None
        assert read is not None
        return self._head.predict_proba(read[None, :])[0]

    def _ranking(self, probabilities: np.ndarray) -> list[dict[str, Any]]:
        model = self._tuned or self._head
        assert model is not None
        order = np.argsort(-probabilities, kind="stable")[: self._config["ranking_length"] or None]
        return [
            {INTENT_NAME_KEY: model.classes_[index], PREDICTED_CONFIDENCE_KEY: float(probabilities[index])}
            for index in order
        ]

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
        encoder = TransformerFeaturizer.encoder_called(config["featurizer"])
        head, tuned = None, None
        try:
            with model_storage.read_from(resource) as folder:
                about = json.loads((folder / _ABOUT_FILE).read_text(encoding="utf-8"))
                trained_with, configuration, joint = about["trained_with"], about["configuration"], about["joint"]
                if about["tuned"]:
                    tuned = _tuned_model(folder, encoder)
                else:
                    head = IntentHead.from_pretrained(folder)
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise _not_whole(cls.__name__) from error
        check_trained_version(cls.__name__, trained_with)
        _check_encoder(cls.__name__, (tuned or head).encoder, encoder)  # type: ignore[union-attr]
        if tuned is not None:
            _set_to_work(cls.__name__, tuned, encoder)
        if execution_context.is_finetuning:
            configuration = {**configuration, "epochs": config["epochs"]}
        return cls({**config, **configuration}, model_storage, resource, head, tuned, joint)


def _tuned_model(folder: Path, encoder: SentenceEncoder | None) -> TunedIntentModel:
    from rasa_llm_components.models.finetuning.intent_model import TunedIntentModel

    return TunedIntentModel.from_pretrained(folder, device=getattr(encoder, "device", "cpu"))


def _set_to_work(component: str, tuned: TunedIntentModel, encoder: SentenceEncoder | None) -> None:
    """Makes a tuned model ready for its first message.

    Raises:
        InvalidConfigException: the encoder no longer runs in this process, or the model does not fit it.
    """
    from rasa_llm_components.models.finetuning import can_be_tuned

    if not can_be_tuned(encoder):
        raise InvalidConfigException(
            f"{component}: the model was trained with layers of its own, and the encoder does not run in this process."
            " Run it here again, or train again: rasa train"
        )
    try:
        tuned.read_with(cast(Any, encoder))
    except ValueError as error:
        raise _not_whole(component) from error


def _not_whole(component: str) -> InvalidConfigException:
    return InvalidConfigException(f"{component}: the trained model holds no whole intent head. Train again: rasa train")


def _cannot_be_tuned(component: str, settings: FinetuneSettings) -> None:
    """An error where the developer asked for it.

    Raises:
        InvalidConfigException: `finetune` is true.
    """
    from rasa_llm_components.models.finetuning import FAMILIES

    if settings.mode == "true":
        raise InvalidConfigException(
            f"{component}: `{KEY}: true`: this encoder cannot be tuned here. It must run in this process (no"
            f" `endpoint`) and be of the family {', '.join(FAMILIES)}. Name such a one, or write {KEY}: auto"
        )
    logger.info(f"{component}: this encoder cannot be tuned here; it stays as it is.")


def _check_encoder(component: str, trained_on: str, encoder: SentenceEncoder | None) -> None:
    if encoder is not None and trained_on and trained_on != encoder.fingerprint:
        raise other_encoder(component, trained_on, encoder.fingerprint)


def _name_vectors(intents: set[str], encoder: SentenceEncoder) -> dict[str, np.ndarray]:
    names = readable_names(intents)
    return dict(zip(names, encoder.encode(list(names.values())))) if names else {}
