"""endpoints.yml `nlg: {type: rasa_llm_components.nlg.GenerativeNLG}`: replies from documents, checked."""

from __future__ import annotations

import logging
from typing import Any

from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import InvalidConfigException
from rasa.utils.endpoints import EndpointConfig

from rasa_llm_components.errors import ConfigurationError, EncodingError
from rasa_llm_components.knowledge import KnowledgeBase
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.registry import shared_encoder, shared_generator
from rasa_llm_components.nlg.answer import Answer
from rasa_llm_components.nlg.answerer import Answerer
from rasa_llm_components.nlg.conversation import history_of, question_of
from rasa_llm_components.nlg.rephraser import Rephraser
from rasa_llm_components.nlg.settings import COMPONENT, Settings, check_keys
from rasa_llm_components.nlg.writer import Writer

logger = logging.getLogger(__name__)

WEB_CHAT = "webchat"
"""The channel that shows `custom: {sources: …}` as a line of links; all others get the link as text."""


class GenerativeNLG(TemplatedNaturalLanguageGenerator):
    """Rasa's own reply generation; responses with `generate` or `rephrase` in their metadata go through a model."""

    def __init__(self, endpoint_config: EndpointConfig, domain: Domain) -> None:
        """Loads documents and models, so that what is wrong with them is told when the bot starts.

        Args:
            endpoint_config: the keys below `nlg:`.
            domain: empty when Rasa makes its agent; Rasa sets `responses` once it has the domain.

        Raises:
            InvalidConfigException: names the key, its value and the fix.
        """
        super().__init__(domain.responses)
        self._answerer: Answerer | None = None
        self._rephraser: Rephraser | None = None
        try:
            keys = _keys_of(endpoint_config)
            self._load(keys)
        except ConfigurationError as error:
            raise InvalidConfigException(str(error.for_component(COMPONENT))) from None
        except (ImportError, AttributeError, EncodingError) as error:
            # Rasa would report the first two as "could not find a class", which is not what is missing.
            raise InvalidConfigException(f"{COMPONENT}: {error}") from None

    def _load(self, keys: dict[str, Any]) -> None:
        settings = Settings.from_keys(keys)
        encoder = shared_encoder(keys["encoder"])
        generator = shared_generator(keys) if keys["model"] or keys["endpoint"] else None
        writer = Writer(generator, settings) if generator else None
        if writer:
            self._rephraser = Rephraser(writer, encoder, settings)
        if keys["knowledge"]:
            self._answerer = Answerer(_knowledge(keys, encoder), None, encoder, settings, writer=writer)

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any] | None:
        """The response that Rasa would send, written by the model where its metadata says so.

        Conditions, channels and variations are Rasa's own: the variation it picks carries the metadata.
        """
        response = await super().generate(utter_action, tracker, output_channel, **kwargs)
        metadata = (response or {}).get("metadata")
        if response is None or not isinstance(metadata, dict):
            return response
        try:
            if metadata.get("generate"):
                return await self._answered(response, metadata, tracker, output_channel)
            if metadata.get("rephrase"):
                return await self._rephrased(response, tracker)
        except Exception:  # whatever it is, the customer gets the response
            logger.exception("%s: %s is sent as it stands in the domain.", COMPONENT, utter_action)
        return response

    async def _answered(
        self, response: dict[str, Any], metadata: dict[str, Any], tracker: DialogueStateTracker, output_channel: str
    ) -> dict[str, Any]:
        question = question_of(tracker, metadata)
        if self._answerer is None or not question:
            return response
        answer = await self._answerer.answer_async(question, history_of(tracker))
        logger.debug("%s: %s in %.2f s. %s", COMPONENT, answer.how, answer.seconds, answer.reason)
        if answer.how == "declined":
            return response
        return {**response, **_with_source(answer, output_channel, response.get("custom"))}

    async def _rephrased(self, response: dict[str, Any], tracker: DialogueStateTracker) -> dict[str, Any]:
        text = response.get("text")
        if self._rephraser is None or not text:
            return response
        values = [
            str(value) for value in tracker.current_slot_values().values() if isinstance(value, (str, int, float))
        ]
        rephrasing = await self._rephraser.rephrase(text, values)
        return {**response, "text": rephrasing.text}


def _keys_of(endpoint_config: EndpointConfig) -> dict[str, Any]:
    if endpoint_config.url:
        raise ConfigurationError(
            "there is no such key.", key="url", value=endpoint_config.url, fix="A model server is named by `endpoint`."
        )
    return check_keys(endpoint_config.kwargs)


def _knowledge(keys: dict[str, Any], encoder: SentenceEncoder) -> KnowledgeBase:
    try:
        return KnowledgeBase.from_folder(
            keys["knowledge"],
            encoder,
            cache_folder=keys["cache_folder"] or None,
            threshold=keys["threshold"] or None,
            store=keys["store"] or None,
        )
    except ConfigurationError as error:
        raise error.for_component(COMPONENT, "knowledge" if error.key == "folder" else "") from error


def _with_source(answer: Answer, output_channel: str, custom: Any) -> dict[str, Any]:
    """The answer's text and its source, in the form the channel shows."""
    if answer.source is None:
        return {"text": answer.text}
    title, link = answer.source.title, answer.source.link
    if output_channel == WEB_CHAT:
        sources = [{"title": title, "link": link}]
        return {"text": answer.text, "custom": {**(custom if isinstance(custom, dict) else {}), "sources": sources}}
    source = ": ".join(part for part in (title, link) if part)
    return {"text": f"{answer.text}\n\n{source}" if source else answer.text}
