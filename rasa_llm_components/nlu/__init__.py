"""What reads a message: components for `pipeline:` in config.yml. Imports Rasa, and each component when asked for."""

from importlib import import_module
from typing import Any

from rasa_llm_components.spacy_without_torch import keep_spacy_from_torch

_FILES = {
    "OutOfScopeDetector": "out_of_scope_detector",
    "TransformerFeaturizer": "transformer_featurizer",
    "TransformerIntentClassifier": "transformer_intent_classifier",
    "SentimentTagger": "sentiment_tagger",
}

keep_spacy_from_torch()

__all__ = ["OutOfScopeDetector", "SentimentTagger", "TransformerFeaturizer", "TransformerIntentClassifier"]


def __getattr__(name: str) -> Any:
    """Imports a component at its first use."""
    if name not in _FILES:
        raise AttributeError(f"{__name__} has no {name!r}; its components are {', '.join(__all__)}.")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
