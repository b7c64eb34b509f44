"""What a trained SentimentTagger knows: layers or a head, and a bot's own labels on top of either."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.calibration import softmax
from rasa_llm_components.models.own_labels import OwnLabels
from rasa_llm_components.models.protocols import SentenceEncoder
from rasa_llm_components.models.sentiment_head import LABELS, SentimentHead, shipped_head
from rasa_llm_components.models.shipped import PROBE

if TYPE_CHECKING:
    from rasa_llm_components.models.sentiment_layers import SentimentLayers, SentimentTuning

_HEAD_FILE, _LAYERS_FILE, _OWN_FILE = "sentiment.npz", "sentiment_layers.npz", "own_labels.npz"


class SentimentModel:
    """Texts and their sentence vectors in, probabilities of `LABELS` out."""

    def __init__(
        self,
        base: SentimentHead | SentimentTuning,
        *,
        layers: SentimentLayers | None = None,
        own: OwnLabels | None = None,
    ) -> None:
        """Wraps the parts. Use `shipped`, `of_labels` or `from_pretrained`.

        Args:
            base: what answers for a sentence unlike every example of the bot.
            layers: `base` at work on an encoder, where it is layers.
            own: the bot's labels.
        """
        self._base, self._layers, self._own = base, layers, own

    @classmethod
    def shipped(cls, encoder: SentenceEncoder, *, own_layers: bool) -> SentimentModel | None:
        """What the package has for an encoder: layers where it runs in this process, else a head, else None.

        Args:
            encoder: the featurizer's.
            own_layers: False takes the head in any case.
        """
        probe = encoder.encode([PROBE])[0]
        if own_layers:
            from rasa_llm_components.models.sentiment_layers import SentimentLayers, shipped_tuning

            tuning = shipped_tuning(encoder, probe)
            if tuning is not None:
                return cls(replace(tuning, encoder=encoder.fingerprint), layers=SentimentLayers(encoder, tuning))
        head = shipped_head(encoder.fingerprint, probe)
        return None if head is None else cls(replace(head, encoder=encoder.fingerprint))

    @classmethod
    def of_labels(
        cls, encoder: SentenceEncoder, vectors: np.ndarray, labels: Sequence[str], *, strength: float
    ) -> SentimentModel:
        """A head from a bot's own labels alone, for an encoder that the package has nothing for."""
        probe = encoder.encode([PROBE])[0]
        return cls(SentimentHead.fit_own(vectors, labels, encoder=encoder.fingerprint, probe=probe, strength=strength))

    @property
    def encoder(self) -> str:
        """Fingerprint of the encoder it was made for."""
        return self._base.encoder

    @property
    def has_layers(self) -> bool:
        """Whether layers answer, not a head."""
        return not isinstance(self._base, SentimentHead)

    @property
    def own_layers(self) -> int:
        """How many layers of its own a message passes."""
        return 0 if isinstance(self._base, SentimentHead) else self._base.layers

    @property
    def has_own_labels(self) -> bool:
        """Whether it has learnt labels of the bot on top."""
        return self._own is not None

    def fits(self, encoder: str, probe: np.ndarray) -> bool:
        """Whether it can be read with this encoder: fingerprint, and vector `(dimension,)` of `PROBE`."""
        return self._base.fits(encoder, probe)

    def adapted(
        self, texts: Sequence[str], vectors: np.ndarray, labels: Sequence[str], *, strength: float
    ) -> SentimentModel:
        """This model with a bot's own labels on top; sentences unlike all of them keep their answer exactly.

        Args:
            texts: the examples.
            vectors: `(examples, dimension)`, their sentence vectors.
            labels: one of `LABELS` for each.
            strength: how much an example counts against the present answer.
        """
        indices = np.array([LABELS.index(label) for label in labels])
        own = OwnLabels.fit(vectors, indices, self._base_logits(texts, vectors), strength=strength)
        return SentimentModel(self._base, layers=self._layers, own=own)

    @property
    def reads_vectors(self) -> bool:
        """Whether the encoder's sentence vectors are asked for."""
        return self._own is not None or not self.has_layers

    def predict_proba(self, texts: Sequence[str], vectors: np.ndarray | None) -> np.ndarray:
        """Probabilities `(texts, 3)` in the order of `LABELS`.

        Args:
            texts: the sentences; layers read them.
            vectors: `(texts, dimension)`, the encoder's sentence vectors, of length 1; a head and the bot's own
                labels read these. None where nothing does (`reads_vectors`).
        """
        logits = self._base_logits(texts, vectors).astype(np.float64)  # so that adding nothing changes nothing
        if self._own is None:
            return softmax(logits)
        assert vectors is not None
        return softmax(logits + self._own.logits(vectors))

    def _base_logits(self, texts: Sequence[str], vectors: np.ndarray | None) -> np.ndarray:
        if isinstance(self._base, SentimentHead):
            assert vectors is not None
            return self._base.logits(vectors)
        assert self._layers is not None, "read_with comes before the first sentence"
        return self._layers.logits(texts)

    def save_pretrained(self, folder: Path, texts: Sequence[str]) -> None:
        """Writes the parts into a folder.

        Args:
            folder: of the trained component.
            texts: sentences on which the quick form of layers is compared with the layers.
        """
        self._base.save_pretrained(folder / (_LAYERS_FILE if self.has_layers else _HEAD_FILE))
        if self._layers is not None:
            self._layers.export(texts, folder)
        if self._own is not None:
            self._own.save_pretrained(folder / _OWN_FILE)

    @classmethod
    def from_pretrained(cls, folder: Path, *, layers: bool, own: bool) -> SentimentModel:
        """Reads what `save_pretrained` wrote; layers answer after `read_with` only.

        Args:
            folder: of the trained component.
            layers: whether it has layers.
            own: whether it has labels of the bot.

        Raises:
            OSError, KeyError, ValueError: it is not whole.
        """
        base: SentimentHead | SentimentTuning
        if layers:
            from rasa_llm_components.models.sentiment_layers import SentimentTuning

            base = SentimentTuning.from_pretrained(folder / _LAYERS_FILE)
        else:
            base = SentimentHead.from_pretrained(folder / _HEAD_FILE)
        return cls(base, own=OwnLabels.from_pretrained(folder / _OWN_FILE) if own else None)

    def read_with(self, encoder: Any, folder: Path) -> None:
        """Sets its layers on an encoder that it fits, if it has layers.

        Args:
            encoder: the featurizer's.
            folder: of the trained component, where the quick form of the layers may be.

        Raises:
            ConfigurationError: it has layers, and the encoder does not run in this process.
        """
        if isinstance(self._base, SentimentHead):
            return
        from rasa_llm_components.models.finetuning import can_be_tuned
        from rasa_llm_components.models.sentiment_layers import SentimentLayers

        if not can_be_tuned(encoder):
            raise ConfigurationError(
                "the model was trained with layers of its own, and the encoder does not run in this process.",
                key="own_layers",
                value=True,
                fix="Run it here again, or train again: rasa train",
            )
        self._layers = SentimentLayers(encoder, self._base)
        self._layers.open_quick(folder)
