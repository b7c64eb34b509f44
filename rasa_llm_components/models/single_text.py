"""A quick way through an encoder for one text on a CPU: what a customer's message takes.

A batch keeps all cores busy; one short message is mostly waiting, for Python between the layers and for the
weights to come out of memory. The graph is therefore traced once, and the weights are halved where the CPU
computes in bfloat16 itself (cosine to the full vectors above 0.9999 with the packaged encoder).
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

logger = logging.getLogger(__name__)

_AGREEMENT = 0.999
"""Least cosine between the traced and the original model's sentence vectors; below it the original is used."""

HiddenStates = Callable[[Sequence[int]], np.ndarray]


def quick_pass(model: Any, tokenizer: Any, *, halve: bool) -> HiddenStates | None:
    """Token ids of one text -> `(tokens, hidden)` float32, on one thread.

    Args:
        model: on the CPU, in float32.
        tokenizer: the model's.
        halve: use bfloat16 where the CPU computes in it.

    Returns:
        None when the model can't be traced, or when its traced form says something else.
    """
    import torch

    example, other = (tokenizer(text)["input_ids"] for text in ("Where is my order?", "One more text, of more words."))
    traceable = copy.deepcopy(model).to(torch.bfloat16) if halve and _computes_in_bfloat16() else model
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the tracer warns of constants; the comparison below finds wrong ones
            graph = torch.jit.freeze(torch.jit.trace(_whole(traceable), torch.tensor([example])))
    except (RuntimeError, ValueError, TypeError) as error:
        logger.debug("The encoder cannot be traced: %s", error)
        return None

    def run(ids: Sequence[int]) -> np.ndarray:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # with a second one the slowest messages take three times as long
        try:
            with torch.inference_mode():
                states: np.ndarray = graph(torch.tensor([ids]))[0].float().numpy()
        finally:
            torch.set_num_threads(threads)
        return states

    with torch.inference_mode():
        original = _whole(model)
        pairs = [(run(ids), original(torch.tensor([ids]))[0].numpy()) for ids in (other, example)]
        agreed = all(_cosine(quick, slow) > _AGREEMENT for quick, slow in pairs)
    return run if agreed else None


def _whole(model: Any) -> Any:
    """The encoder as a module of ids alone: nothing is padded, so every token counts."""
    import torch

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            return states

    return Whole().eval()


def _computes_in_bfloat16() -> bool:
    import torch

    supported: Callable[[], bool] = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return supported()


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    first, second = one.mean(axis=0), other.mean(axis=0)
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))
