"""What a bot keeps of a fine-tuning: its own top layers and the head that reads them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rasa_llm_components.models.calibration import softmax
from rasa_llm_components.models.finetuning.lower_layers import LowerLayers
from rasa_llm_components.models.finetuning.packed_layer import PackedLayer
from rasa_llm_components.models.finetuning.quick_layers import QuickLayers, opened
from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers
from rasa_llm_components.models.finetuning.voting_head import VotingHead

FILE = "tuned_intent_model.npz"
_LAYER, _HEAD = "layer.", "head."
_BATCH = 128


class TunedIntentModel:
    """Texts in, calibrated probabilities of the bot's intents out."""

    def __init__(
        self, layers: TunedLayers, head: VotingHead, classes: Sequence[str], *, temperature: float, encoder: str
    ) -> None:
        """Wraps fitted parts. Use `from_pretrained`, or `intent_tuning.tune_intents`.

        Args:
            layers: the intents' own top layers.
            head: reads their vectors.
            classes: the intents, in the head's order.
            temperature: what the logarithms of the head's probabilities are divided by.
            encoder: fingerprint of the encoder whose lower layers it stands on.
        """
        self.layers, self.head = layers.eval(), head
        self.classes_ = list(classes)
        self.temperature, self.encoder = temperature, encoder
        self.quick: QuickLayers | None = None

    def predict_proba(self, vectors: np.ndarray) -> np.ndarray:
        """Calibrated probabilities `(batch, classes)` of the tuned layers' vectors `(batch, hidden)`."""
        return calibrated(self.head.predict_proba(vectors), self.temperature)

    def predict_texts(self, lower: LowerLayers, texts: Sequence[str]) -> np.ndarray:
        """Calibrated probabilities `(texts, classes)`; `lower` are the shared layers below the branch."""
        if len(texts) == 1:
            return self._predict_one(lower, texts[0])
        parts = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        return np.vstack([self.predict_proba(self.layers.vectors(lower.states(lower.ids(part)))) for part in parts])

    def _predict_one(self, lower: LowerLayers, text: str) -> np.ndarray:
        states = lower.states_of_one(text)
        if self.quick is not None and states is not None:
            return self.predict_proba(self.quick(states)[None, :])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # one message is too little work to be shared out
        try:
            read = lower.states(lower.ids([text])) if states is None else [torch.from_numpy(states)]
            return self.predict_proba(self.layers.vectors(read))
        finally:
            torch.set_num_threads(threads)

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
            "branch": self.layers.branch,
            "layers": len(self.layers.layers),
            "heads": first.heads,
            "epsilon": first.output_norm.eps,
        }
        np.savez(folder / FILE, about=np.array(json.dumps(about)), **arrays)

    @classmethod
    def from_pretrained(cls, folder: Path, *, device: torch.device | None = None) -> TunedIntentModel:
        """Reads what `save_pretrained` wrote. Raises OSError, KeyError or ValueError when it is not whole."""
        try:
            stored_file = np.load(folder / FILE, allow_pickle=False)
        except zipfile.BadZipFile as error:
            raise ValueError(str(error)) from error
        with stored_file as stored:
            about = json.loads(str(stored["about"]))
            layers = _layers(about, {name: stored[name] for name in stored.files if name.startswith(_LAYER)})
            head = VotingHead(
                **{
                    name.removeprefix(_HEAD): stored[name].astype(np.int64 if name.endswith("targets") else np.float32)
                    for name in stored.files
                    if name.startswith(_HEAD)
                }
            )
        about_it = {key: about[key] for key in ("temperature", "encoder")}
        model = cls(layers.to(device or torch.device("cpu")), head, about["classes"], **about_it)
        model.quick = opened(folder)
        return model


def calibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """The same order of the classes, as sure as the temperature says."""
    return softmax(np.log(np.maximum(probabilities, 1e-9)) / temperature)


def rounded(layers: TunedLayers) -> None:
    """Takes from the weights, in place, what 16 bits cannot keep: they then say the same after loading."""
    with torch.no_grad():
        for weight in layers.parameters():
            weight.copy_(weight.half().float())


def _layers(about: dict[str, Any], arrays: dict[str, np.ndarray]) -> TunedLayers:
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
    return layers
