"""An encoder as an ONNX graph of 8-bit weights: what reads one message fastest on a CPU.

The layers that read attention's and a normalisation's output are smoothed (`smoothing.py`) and have one scale an
output column; the layer after the activation function, which keeps its outliers, has one scale for every 64 weights.
With the packaged encoder vectors keep a cosine of 0.999 to the full ones. The usual dynamic int8 has 0.994, and three
times as many labels change; `benchmarks/runtimes.py` measures it.
"""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rasa_llm_components.models.layered_graph import IDS, name_of
from rasa_llm_components.models.smoothing import smooth
from rasa_llm_components.models.whole_encoder import whole_encoder

_BLOCK = 64
_OPSET = 17
_FUSED_NODES = "com.microsoft"

Graph = Callable[[Sequence[int]], list[np.ndarray]]
"""Token ids of one text -> `(tokens, hidden)` float32 before the first layer and after each."""


def is_installed() -> bool:
    """Whether ONNX Runtime is there, and what makes graphs for it."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def session_of(graph: bytes | str, *, threads: int = 1) -> Any:
    """An `onnxruntime.InferenceSession`, on the thread that calls it.

    A message is too little work to be shared out: waking a second thread costs more than it saves, and one that spins
    while it waits takes the time of others: eight conversations at once then wait 1.7 times as long
    (`benchmarks/simultaneous.py`).

    Args:
        graph: the content of a file, or its path.
        threads: 0 is one a core, for batches; they do not spin while they wait.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = threads == 1  # the largest batch would keep its memory for ever
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def opened(content: bytes) -> Graph:
    """A graph, ready to run."""
    session = session_of(content)

    def run(ids: Sequence[int]) -> list[np.ndarray]:
        return [states[0] for states in session.run(None, {IDS: np.array([ids], dtype=np.int64)})]

    return run


def exported(model: Any) -> Any:
    """The `onnx.ModelProto` of an encoder on the CPU, in float32: input `ids`, outputs `states_0`, `states_1` ..."""
    import onnx
    import torch

    written = io.BytesIO()
    layers = [name_of(layer) for layer in range(model.config.num_hidden_layers + 1)]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # the older exporter, whose form the optimiser recognises, is deprecated
        torch.onnx.export(
            whole_encoder(model),
            (torch.tensor([[1, 2, 3, 4, 5, 6, 7, 8]]),),
            written,  # type: ignore[arg-type]
            input_names=[IDS],
            output_names=layers,
            dynamic_axes={name: {0: "batch", 1: "tokens"} for name in (IDS, *layers)},
            opset_version=_OPSET,
            dynamo=False,
        )
    return onnx.load_from_string(written.getvalue())


def fused(graph: Any) -> Any:
    """The same graph with attention, normalisation and activation as one node each."""
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    with _quietly():
        fused = optimize_model(graph, "bert", optimization_options=FusionOptions("bert"), opt_level=0).model
    if not any(opset.domain == _FUSED_NODES for opset in fused.opset_import):
        fused.opset_import.add(domain=_FUSED_NODES, version=1)
    return fused


def eight_bits(graph: Any, examples: Sequence[np.ndarray]) -> bytes:
    """A graph's file after its weights have got 8 bits.

    Args:
        graph: an `onnx.ModelProto` of one input, changed in place.
        examples: inputs that show the usual range of its numbers.
    """
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    shapes = {tensor.name: tensor.dims for tensor in graph.graph.initializer}
    layers = [n for n in graph.graph.node if n.op_type in ("MatMul", "Attention") and n.input[1] in shapes]
    narrowing = [n for n in layers if shapes[n.input[1]][0] > shapes[n.input[1]][1]]  # after the activation function
    smooth(graph, [n for n in layers if n not in narrowing], examples)
    with _quietly(), tempfile.TemporaryDirectory() as folder:
        quantize_dynamic(
            graph,
            Path(folder) / "int8.onnx",
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Attention"],
            nodes_to_exclude=[n.name for n in narrowing],
            extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT},
        )
        blocks = DefaultWeightOnlyQuantConfig(block_size=_BLOCK, is_symmetric=True, accuracy_level=4, bits=8)
        quantizer = MatMulNBitsQuantizer(str(Path(folder) / "int8.onnx"), algo_config=blocks)
        quantizer.process()
    content: bytes = quantizer.model.model.SerializeToString()
    return content


@contextmanager
def _quietly() -> Iterator[None]:
    """ONNX's tools report every layer on the root logger."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
