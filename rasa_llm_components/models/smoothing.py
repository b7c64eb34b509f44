"""SmoothQuant (Xiao et al. 2023): outliers move from what a layer reads into the weights that read it.

A transformer's states have a few columns with numbers a hundred times as large as the rest, and one scale of 8 bits
for a whole tensor leaves the rest too few steps. Columns are divided by a factor, and the weights' rows multiplied
with it, which changes nothing but how well both fit into 8 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_STRENGTH = 0.65
"""How much of the outliers moves: 0 nothing, 1 all. Best of 0.3 to 0.8 for the packaged encoder, by cosine."""


def smooth(graph: Any, nodes: Sequence[Any], examples: Sequence[np.ndarray]) -> None:
    """Changes an `onnx.ModelProto` in place.

    Args:
        graph: the model, with one input of token ids.
        nodes: those of its nodes whose second input is a weight matrix of the file.
        examples: token ids `(1, tokens)` of texts that show the usual range of each column.
    """
    from onnx import helper, numpy_helper

    weights = {tensor.name: tensor for tensor in graph.graph.initializer}
    largest = _largest_inputs(graph, sorted({node.input[0] for node in nodes}), examples)
    before: dict[str, Any] = {}
    for name, columns in largest.items():
        readers = [node for node in nodes if node.input[0] == name]
        rows = np.max([np.abs(numpy_helper.to_array(weights[node.input[1]])).max(axis=1) for node in readers], axis=0)
        factor = np.maximum(columns, 1e-5) ** _STRENGTH / np.maximum(rows, 1e-5) ** (1 - _STRENGTH)
        factor = np.maximum(factor, 1e-3).astype(np.float32)
        for node in readers:
            matrix = numpy_helper.to_array(weights[node.input[1]]) * factor[:, None]
            weights[node.input[1]].CopyFrom(numpy_helper.from_array(matrix.astype(np.float32), node.input[1]))
            node.input[0] = f"{name}/smooth"
        graph.graph.initializer.append(numpy_helper.from_array(1 / factor, f"{name}/factor"))
        before[f"{name}/smooth"] = helper.make_node("Mul", [name, f"{name}/factor"], [f"{name}/smooth"])
    ordered = []
    for node in graph.graph.node:
        if node.input and node.input[0] in before:
            ordered.append(before.pop(node.input[0]))
        ordered.append(type(node).FromString(node.SerializeToString()))
    del graph.graph.node[:]
    graph.graph.node.extend(ordered)


def _largest_inputs(graph: Any, names: Sequence[str], examples: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Each tensor's largest absolute number by column, over the examples."""
    import onnxruntime
    from onnx import TensorProto, helper

    watched = type(graph).FromString(graph.SerializeToString())
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = onnxruntime.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    runs = [session.run(list(names), {session.get_inputs()[0].name: ids}) for ids in examples]
    return {
        name: np.max([np.abs(run[index]).reshape(-1, run[index].shape[-1]).max(axis=0) for run in runs], axis=0)
        for index, name in enumerate(names)
    }
