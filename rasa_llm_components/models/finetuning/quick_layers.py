"""Tuned layers as an ONNX graph of 8-bit weights: what one message passes on a CPU, without torch.

Exported when the bot is trained and stored with the model, if it labels the training examples as the layers do.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rasa_llm_components.models import int8_graph

if TYPE_CHECKING:
    import torch

    from rasa_llm_components.models.finetuning.tuned_layers import TunedLayers

logger = logging.getLogger(__name__)

FILE = "tuned_layers.onnx"
SAME_LABELS = 0.995
"""Least share of examples that must keep their label; below it the graph is not stored."""

_RANGES = 64
_OPSET = 17

QuickLayers = Callable[[np.ndarray], np.ndarray]
"""States of the branch layer `(tokens, hidden)` -> sentence vector `(hidden,)`."""


def export(
    layers: TunedLayers, states: Sequence[torch.Tensor], labels: Callable[[np.ndarray], np.ndarray], folder: Path
) -> None:
    """Stores the graph in a folder, or says why not.

    Args:
        layers: to be exported, on the CPU.
        states: `(tokens, hidden)` of examples at the branch layer.
        labels: vectors `(batch, hidden)` -> each one's label.
        folder: of the trained component.
    """
    if not int8_graph.is_installed():
        return
    arrays = [example.float().numpy() for example in states]
    try:
        graph = _graph(layers)
        content = int8_graph.eight_bits(graph, [array[None] for array in arrays[:_RANGES]])
        quick = _run(content)
    except Exception as error:  # the exporter and the quantiser raise whatever stops them
        logger.warning("The tuned layers have no ONNX graph, torch runs them: %s", error)
        return
    same = float((labels(np.stack([quick(array) for array in arrays])) == labels(layers.vectors(states))).mean())
    if same < SAME_LABELS:
        logger.warning(
            f"8-bit weights keep {same:.1%} of the examples' labels, and {SAME_LABELS:.1%} are wanted: torch runs the"
            " tuned layers."
        )
        return
    (folder / FILE).write_bytes(content)


def opened(folder: Path) -> QuickLayers | None:
    """The graph of a trained component; None when there is none, ONNX Runtime is missing, or the file is damaged."""
    file = folder / FILE
    if not file.exists() or not int8_graph.is_installed():
        return None
    try:
        return _run(file.read_bytes())
    except Exception as error:  # onnxruntime raises a kind of its own for each damage
        logger.warning("%s is damaged, torch runs the tuned layers: %s", FILE, str(error).splitlines()[0])
        return None


def _run(content: bytes) -> QuickLayers:
    session = int8_graph.session_of(content)

    def run(states: np.ndarray) -> np.ndarray:
        vector: np.ndarray = session.run(None, {"states": states[None]})[0][0]
        return vector

    return run


def _graph(layers: TunedLayers) -> object:
    import onnx
    import torch

    class OneText(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return self.layers(states, torch.ones_like(states[:, :, 0]))

    written = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            OneText().eval(),
            (torch.randn(1, 8, layers.hidden),),
            written,  # type: ignore[arg-type]
            input_names=["states"],
            output_names=["vector"],
            dynamic_axes={"states": {0: "batch", 1: "tokens"}, "vector": {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )
    return onnx.load_from_string(written.getvalue())
