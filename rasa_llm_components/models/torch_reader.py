"""An encoder that torch runs: on a GPU, and on a CPU where there are no graphs of it (`graph_reader.py`)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rasa_llm_components.errors import WeightsNotFoundError
from rasa_llm_components.models.model_facts import ModelFacts
from rasa_llm_components.models.readers import WholeReading
from rasa_llm_components.models.single_text import traced_pass

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class TorchReader:
    """A Hugging Face encoder on a device."""

    def __init__(self, model: Any, tokenizer: Tokenizer, facts: ModelFacts, *, trace: bool, exact: bool) -> None:
        """Wraps a loaded model.

        Args:
            model: on its device.
            tokenizer: the model's.
            facts: about both.
            trace: make a quick way for one text, if the traced graph says what the model says.
            exact: the quick way keeps all 32 bits of every number.
        """
        self.model, self.tokenizer, self.facts = model, tokenizer, facts
        self._quick: Callable[[Sequence[int]], list[np.ndarray]] | None = None
        if trace:
            self._quick = traced_pass(model, lambda text: tokenizer.encode(text).ids, halve=not exact)

    @property
    def has_quick_way(self) -> bool:
        """Whether one text alone goes through a traced graph."""
        return self._quick is not None

    def read(self, ids: Sequence[int]) -> WholeReading | None:
        """One text through the traced graph; None without one."""
        return None if self._quick is None else WholeReading(self._quick(ids))

    def states(self, texts: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """The last layer's `(tokens, hidden)` of each text of a batch."""
        import torch

        device = self.model.device
        ids = torch.full((len(texts), max(len(text) for text in texts)), self.facts.padding, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(text)
            mask[row, : len(text)] = 1
        with torch.inference_mode():
            output = self.model(input_ids=ids.to(device), attention_mask=mask.to(device))
        states = output.last_hidden_state.float().cpu().numpy()
        return [states[row, : len(text)] for row, text in enumerate(texts)]


def load_model(folder: Path, name: str, *, device: str = "cpu", dtype: str = "float32") -> Any:
    """A Hugging Face encoder.

    Args:
        folder: of the weights.
        name: what the configuration calls it, for errors.
        device: as torch writes it.
        dtype: as torch writes it.

    Raises:
        WeightsNotFoundError: incomplete, or not an encoder.
    """
    _prepare_environment()
    import torch
    from transformers import AutoModel

    model, report = _loaded(
        lambda: AutoModel.from_pretrained(
            str(folder), dtype=getattr(torch, dtype), local_files_only=True, output_loading_info=True
        ),
        name,
    )
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key and "position_ids" not in key)
    if missing:
        raise WeightsNotFoundError(
            f"{len(missing)} weights are missing from the file, {missing[0]} first.",
            key="model",
            value=name,
            fix="Copy or download the folder again.",
        )
    return model.to(torch.device(device)).eval()


def load_tokenizer(folder: Path, name: str, config: Any) -> tuple[Tokenizer, ModelFacts]:
    """The tokenizer of a model, and what there is to know of the two.

    Args:
        folder: of the weights.
        name: what the configuration calls it, for errors.
        config: of the loaded model.

    Raises:
        WeightsNotFoundError: there is none, or it can't say where in a text a token stands.
    """
    _prepare_environment()
    from transformers import AutoTokenizer

    loaded = _loaded(lambda: AutoTokenizer.from_pretrained(str(folder), use_fast=True, local_files_only=True), name)
    if not loaded.is_fast:
        raise WeightsNotFoundError(
            "its tokenizer cannot say where in a text a token stands.",
            key="model",
            value=name,
            fix="Take a model with a tokenizer.json.",
        )
    tokenizer: Tokenizer = loaded.backend_tokenizer
    return tokenizer, ModelFacts.of(config, loaded)


def _prepare_environment() -> None:
    os.environ.setdefault("USE_TF", "0")  # or transformers imports TensorFlow beside torch
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _loaded(load: Callable[[], Any], name: str) -> Any:
    from safetensors import SafetensorError  # type: ignore[attr-defined]

    try:
        return load()
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsNotFoundError(
            f"transformers could not load it: {first_line}", key="model", value=name, fix="Is the folder complete?"
        ) from error
