"""Rated corpora and plain sentences on one encoder: read once, trained on and labelled by rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from sentiment_layers_training import LAYERS, Rows, train_layers
from sentiment_training import Sentences, own_sentences, train_head

from rasa_llm_components.models.finetuning.branch_states import BranchStates
from rasa_llm_components.models.finetuning.lower_layers import LowerLayers
from rasa_llm_components.models.sentiment_head import SentimentHead
from rasa_llm_components.models.sentiment_layers import SentimentLayers, SentimentTuning

Chosen = Mapping[str, np.ndarray]
"""Rows of each rated corpus."""

MEMORY_MB = 2048
"""What the states of the sentences may take; VADER's and the plain ones take 400."""
HEAD_CORPORA = ("amazon", "tweets")
"""What the frozen head learns from: film reviews are more than 64 units can hold beside these."""


class Corpora:
    """All sentences in one row: corpus after corpus, then the plain ones."""

    def __init__(self, encoder: Any, rated: dict[str, Sentences]) -> None:
        """Passes every sentence through the encoder once.

        Args:
            encoder: in this process.
            rated: corpora by name.
        """
        self._encoder, self.rated = encoder, rated
        parts = [*rated.values(), *own_sentences()]
        texts = [text for part in parts for text in part.texts]
        starts = np.cumsum([0, *(len(part.texts) for part in parts)])
        self._starts, self._plain_start = dict(zip(rated, starts.tolist())), int(starts[len(rated)])
        self._targets = np.concatenate([part.targets for part in parts])
        self._weights = np.concatenate([np.full(len(part.texts), part.weight) for part in parts])
        self._states = BranchStates(LowerLayers(encoder, encoder.facts.layers - LAYERS), texts, memory_mb=MEMORY_MB)
        self._texts = texts

    @cached_property
    def _vectors(self) -> np.ndarray:
        """What the frozen head reads, `(texts, dimension)`."""
        vectors: np.ndarray = self._encoder.encode(self._texts)
        return vectors

    def train_layers(self, chosen: Chosen, *, plain: bool = True) -> SentimentTuning:
        """Layers as they ship, from these rows and the plain sentences."""
        indices = self._indices(chosen, plain=plain)
        return train_layers(self._encoder, self._states, Rows(indices, self._targets[indices], self._weights[indices]))

    def train_head(self, chosen: Chosen) -> SentimentHead:
        """The head for encoders whose layers are out of reach, from the rows of `HEAD_CORPORA` and plain sentences."""
        indices = self._indices({name: chosen[name] for name in HEAD_CORPORA}, plain=True)
        return train_head(self._vectors[indices], self._targets[indices], self._weights[indices], self._encoder)

    def labels_by_layers(self, tuning: SentimentTuning, chosen: Chosen) -> dict[str, np.ndarray]:
        """The label of each row."""
        layers = SentimentLayers(self._encoder, tuning)
        return {
            name: layers.logits_of(self._states.vectors(layers.layers, self._indices({name: rows}))).argmax(axis=1)
            for name, rows in chosen.items()
        }

    def labels_by_head(self, head: SentimentHead, chosen: Chosen) -> dict[str, np.ndarray]:
        """The label of each row."""
        return {
            name: head.logits(self._vectors[self._indices({name: rows})]).argmax(axis=1)
            for name, rows in chosen.items()
        }

    def _indices(self, chosen: Chosen, *, plain: bool = False) -> np.ndarray:
        parts = [self._starts[name] + rows for name, rows in chosen.items()]
        if plain:
            parts.append(np.arange(self._plain_start, len(self._targets)))
        return np.concatenate(parts)
