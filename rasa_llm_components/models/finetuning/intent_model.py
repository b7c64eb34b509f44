"""What a bot keeps of a fine-tuning: its own top layers and the head that reads them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rasa_llm_components.models.calibration import softmax
from rasa_llm_components.models.finetuning import LONGEST
from rasa_llm_components.models.finetuning.quick_layers import QuickLayers, opened
from rasa_llm_components.models.finetuning.voting_head import VotingHead

if TYPE_CHECKING:
    from rasa_llm_components.models.encoder import Encoder
    from rasa_llm_components.models.finetuning.lower_layers import LowerLayers
    from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers

FILE = "tuned_intent_model.npz"
_LAYER, _HEAD = "layer.", "head."
_BATCH = 128


class TunedIntentModel:
    """Texts in, calibrated probabilities of the bot's intents out.

    One message alone passes the layers' ONNX graph where there is one; torch, and the layers themselves, are loaded
    when they are first asked for.
    """

    def __init__(
        self,
        load_layers: Callable[[], TunedLayers],
        head: VotingHead,
        classes: Sequence[str],
        *,
        branch: int,
        own_layers: int,
        temperature: float,
        encoder: str,
    ) -> None:
        """Wraps fitted parts. Use `from_pretrained`, or `intent_tuning.IntentTuning`.

        Args:
            load_layers: gives the intents' own top layers, when they are first asked for.
            head: reads their vectors.
            classes: the intents, in the head's order.
            branch: after how many of the encoder's layers its own begin.
            own_layers: how many.
            temperature: what the logarithms of the head's probabilities are divided by.
            encoder: fingerprint of the encoder whose lower layers it stands on.
        """
        self._load_layers, self.head = load_layers, head
        self.classes_ = list(classes)
        self.branch, self.own_layers, self.temperature, self.encoder = branch, own_layers, temperature, encoder
        self.quick: QuickLayers | None = None
        self._lower: LowerLayers | None = None

    @cached_property
    def layers(self) -> TunedLayers:
        """The intents' own top layers."""
        return self._load_layers().eval()

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """Calibrated probabilities `(batch, classes)` of the tuned layers' vectors `(batch, hidden)`."""
        return calibrated(self.head.predict_proba(vectors), self.temperature)

    def predict_texts(self, encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
        """Calibrated probabilities `(texts, classes)`; `encoder` has the shared layers below the branch."""
        if len(texts) == 1:
            return self.predict_proba(self._vector_of_one(encoder, texts[0])[None, :])
        parts = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        return np.vstack([self.predict_proba(self._vectors(encoder, part)) for part in parts])

    def read_with(self, encoder: Encoder) -> None:
        """Loads now what a first message would otherwise wait for."""
        if self.quick is None or not encoder.has_quick_way:
            self._vectors(encoder, ["a first message"])

    def _vector_of_one(self, encoder: Encoder, text: str) -> np.ndarray:
        states = encoder.layer_states(text, self.branch, LONGEST)
        if states is None:
            return self._vectors(encoder, [text])[0]
        return self.quick(states) if self.quick else self.layers.vector_of_one(states)

    def _vectors(self, encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
        from rasa_llm_components.models.finetuning.lower_layers import LowerLayers

        if self._lower is None:
            self._lower = LowerLayers(encoder, self.branch)
        return self.layers.vectors(self._lower.states(self._lower.ids(texts)))

    def save_pretrained(self, folder: Path) -> None:
        """Writes layers and head into one file, in 16 bits."""
        arrays: dict[str, Any] = {
            _LAYER + name: weight.cpu().numpy().astype(np.float16) for name, weight in self.layers.state_dict().items()
        }
        for name, value in vars(self.head).items():
            arrays[_HEAD + name] = value.astype(np.int32 if name == "targets" else np.float16)
        first: Any = self.layers.layers[0]
        about = {
            "classes": self.classes_,
            "temperature": self.temperature,
            "encoder": self.encoder,
            "branch": self.branch,
            "layers": self.own_layers,
            "heads": first.heads,
            "epsilon": first.output_norm.eps,
        }
        np.savez(folder / FILE, about=np.array(json.dumps(about)), **arrays)

    @classmethod
    def from_pretrained(cls, folder: Path, *, device: str = "cpu") -> TunedIntentModel:
        """Reads what `save_pretrained` wrote.

        Args:
            folder: of the trained component.
            device: where the layers run.

        Raises:
            OSError, KeyError, ValueError: it is not whole.
        """
        try:
            stored_file = np.load(folder / FILE, allow_pickle=False)
        except zipfile.BadZipFile as error:
            raise ValueError(str(error)) from error
        with stored_file as stored:
            about = json.loads(str(stored["about"]))
            weights = {name: stored[name] for name in stored.files if name.startswith(_LAYER)}
            head = VotingHead(
                **{
                    name.removeprefix(_HEAD): stored[name].astype(np.int64 if name.endswith("targets") else np.float32)
                    for name in stored.files
                    if name.startswith(_HEAD)
                }
            )
        model = cls(
            lambda: _layers(about, weights, device),
            head,
            about["classes"],
            own_layers=about["layers"],
            **{key: about[key] for key in ("branch", "temperature", "encoder")},
        )
        model.quick = opened(folder)
        return model


def calibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The same order of the classes, as sure as the temperature says."""
    return softmax(np.log(np.maximum(probabilities, 1e-9)) / temperature)


def rounded(layers: TunedLayers) -> None:
    """Takes from the weights, in place, what 16 bits cannot keep: they then say the same after loading."""
    import torch

    with torch.no_grad():
        for weight in layers.parameters():
            weight.copy_(weight.half().float())


def _layers(about: dict[str, Any], arrays: dict[str, np.ndarray], device: str) -> TunedLayers:
    import torch

    from rasa_llm_components.models.finetuning.packed_layer import PackedLayer
    from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers

    weights = {name.removeprefix(_LAYER): torch.tensor(value.astype(np.float32)) for name, value in arrays.items()}
    inner, hidden = weights["layers.0.inner.weight"].shape
    made = [
        PackedLayer(hidden, inner, about["heads"], epsilon=about["epsilon"], dropout=0.1)
        for _ in range(about["layers"])
    ]
    layers = TunedLayers(made, branch=about["branch"])
    try:
        layers.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return layers.to(device)
