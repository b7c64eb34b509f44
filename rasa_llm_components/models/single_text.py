"""Torch's quick way for one text on a CPU: a traced graph, its weights halved where the CPU computes in bfloat16.

A batch keeps all cores busy; one short message is mostly waiting, for Python between the layers and for the weights to
come out of memory. The graphs of ONNX Runtime wait still less (`graph_reader.py`).
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rasa_llm_components.models.whole_encoder import whole_encoder

logger = logging.getLogger(__name__)

TRACED_AGREES = 0.9995
"""Least mean cosine of `agreement` at which a traced graph is used."""

EXAMPLES = (
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
"""Texts that show the usual range of a model's numbers."""

TRIED = (
    "Is gift wrapping free?",
    "no",
    "One more text, of more words than the others, so that its length is another and nothing is fixed by chance.",
    "I want to talk to a person about the invoice of 12 March",
    "Do you deliver to Norway?",
)
"""What two ways are compared on: other texts than the examples."""

HiddenStates = Callable[[Sequence[int]], list[np.ndarray]]
"""Token ids of one text -> `(tokens, hidden)` float32 before the first layer and after each."""


def traced_pass(model: Any, token_ids: Callable[[str], list[int]], *, halve: bool) -> HiddenStates | None:
    """The traced graph of a model.

    Args:
        model: on the CPU, in float32.
        token_ids: of a text.
        halve: weights in 16 bits, where the CPU has instructions for them.

    Returns:
        None when the model can't be traced, or its trace says something else.
    """
    import torch

    traceable = copy.deepcopy(model).to(torch.bfloat16) if halve and _computes_in_bfloat16() else model
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the tracer warns of constants; the comparison finds wrong ones
            graph = torch.jit.freeze(torch.jit.trace(whole_encoder(traceable), torch.tensor([token_ids(EXAMPLES[0])])))
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

    tried = [token_ids(text) for text in TRIED]
    return run if agreement(run, hidden_states(model), tried) >= TRACED_AGREES else None


def hidden_states(model: Any) -> HiddenStates:
    """The model itself, on the CPU, as the quick ways are called."""
    import torch

    whole = whole_encoder(model)

    def run(ids: Sequence[int]) -> list[np.ndarray]:
        with torch.inference_mode():
            return [states[0].numpy() for states in whole(torch.tensor([ids]))]

    return run


def agreement(one: HiddenStates, other: HiddenStates, tried: Sequence[Sequence[int]]) -> float:
    """Mean cosine between two ways' sentence vectors, over the texts tried."""
    cosines = []
    for ids in tried:
        left, right = one(ids)[-1].mean(axis=0), other(ids)[-1].mean(axis=0)
        cosines.append(float(left @ right / (np.linalg.norm(left) * np.linalg.norm(right))))
    return sum(cosines) / len(cosines)


def _computes_in_bfloat16() -> bool:
    import torch

    supported: Callable[[], bool] = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return supported()
