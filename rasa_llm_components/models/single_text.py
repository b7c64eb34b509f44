"""A quick way through an encoder for one text on a CPU: what a customer's message takes.

A batch keeps all cores busy; one short message is mostly waiting, for Python between the layers and for the
weights to come out of memory. Two forms wait less: an ONNX graph of 8-bit weights (`int8_graph.py`), and, without
ONNX Runtime, a traced torch graph, its weights halved where the CPU computes in bfloat16 itself.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models import int8_graph
from rasa_llm_components.models.whole_encoder import whole_encoder

logger = logging.getLogger(__name__)

RUNTIMES = ("auto", "torch", "onnx")
AGREEMENT = {"onnx": 0.998, "torch": 0.9995}
"""Mean cosine between the quick and the original sentence vectors of the texts tried; below it the quick way is not
taken."""

_EXAMPLES = (
    "Where is my order?",
    "I bought two of your blue mugs last week (order 10482) and one of them arrived broken; can I send it back?",
    "ok",
    "hello there",
    "thank you very much!",
    "What are your opening hours on Sundays?",
    "Please cancel it.",
    "I never said that, and I am really angry now.",
    "Can you play some jazz in the kitchen?",
    "How do I reset the password of my account?",
    "My card was charged twice: 20.50 euros on 3 May!",
    "Who wrote War and Peace, and when was it published?",
    "我的订单在哪里？",
    "请帮我取消，谢谢",
)
"""What the graph's ranges are taken from."""

_TRIED = (
    "Is gift wrapping free?",
    "no",
    "One more text, of more words than the others, so that its length is another and nothing is fixed by chance.",
    "I want to talk to a person about the invoice of 12 March",
    "Do you deliver to Norway?",
)
"""What both ways are compared on: other texts than the examples."""

HiddenStates = Callable[[Sequence[int]], list[np.ndarray]]
"""Token ids of one text -> each layer's `(tokens, hidden)` float32, the last one last."""


def quick_pass(
    model: Any, tokenizer: Any, *, runtime: str = "auto", exact: bool = False, fingerprint: str = ""
) -> HiddenStates | None:
    """The quickest way for one text that says what the model itself says.

    Args:
        model: on the CPU, in float32.
        tokenizer: the model's.
        runtime: one of `RUNTIMES`; `auto` is ONNX where it is installed and agrees, else torch.
        exact: keep all 32 bits of every number, so that only torch is left unless `runtime` says otherwise.
        fingerprint: of the model's weights.

    Returns:
        None when there is no such way.

    Raises:
        ConfigurationError: `runtime: onnx`, and ONNX Runtime is not installed or the graph says something else.
    """
    if runtime not in RUNTIMES:
        raise ConfigurationError("no such runtime.", key="runtime", value=runtime, fix=f"One of {', '.join(RUNTIMES)}.")
    if runtime == "onnx" and not int8_graph.is_installed():
        raise ConfigurationError(
            "ONNX Runtime is not installed.", key="runtime", value=runtime, fix="Run: pip install onnx onnxruntime"
        )
    if runtime == "onnx" or (runtime == "auto" and not exact and int8_graph.is_installed()):
        graph = int8_graph.int8_graph(model, fingerprint, [tokenizer(text)["input_ids"] for text in _EXAMPLES])
        agreement = _agreement(graph, model, tokenizer) if graph else 0.0
        if agreement >= AGREEMENT["onnx"]:
            return graph
        if runtime == "onnx":
            raise ConfigurationError(
                f"this model's vectors change with 8-bit weights (cosine {agreement:.4f}, wanted {AGREEMENT['onnx']}).",
                key="runtime",
                value=runtime,
                fix="Write runtime: torch",
            )
        logger.info("ONNX changes this encoder's vectors (cosine %.4f), torch reads single messages.", agreement)
    graph = _traced(model, tokenizer, halve=not exact)
    return graph if graph and _agreement(graph, model, tokenizer) >= AGREEMENT["torch"] else None


def _traced(model: Any, tokenizer: Any, *, halve: bool) -> HiddenStates | None:
    import torch

    traceable = copy.deepcopy(model).to(torch.bfloat16) if halve and _computes_in_bfloat16() else model
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the tracer warns of constants; the comparison finds wrong ones
            example = torch.tensor([tokenizer(_EXAMPLES[0])["input_ids"]])
            graph = torch.jit.freeze(torch.jit.trace(whole_encoder(traceable), example))
    except (RuntimeError, ValueError, TypeError) as error:
        logger.debug("The encoder cannot be traced: %s", error)
        return None

    def run(ids: Sequence[int]) -> list[np.ndarray]:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # with a second one the slowest messages take three times as long
        try:
            with torch.inference_mode():
                return [states[0].float().numpy() for states in graph(torch.tensor([ids]))]
        finally:
            torch.set_num_threads(threads)

    return run


def _computes_in_bfloat16() -> bool:
    import torch

    supported: Callable[[], bool] = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return supported()


def _agreement(quick: HiddenStates, model: Any, tokenizer: Any) -> float:
    """Mean cosine between both ways' sentence vectors, over the texts tried."""
    import torch

    original = whole_encoder(model)
    cosines = []
    with torch.inference_mode():
        for text in _TRIED:
            ids = tokenizer(text)["input_ids"]
            one, other = quick(ids)[-1].mean(axis=0), original(torch.tensor([ids]))[-1][0].numpy().mean(axis=0)
            cosines.append(float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other))))
    return sum(cosines) / len(cosines)
