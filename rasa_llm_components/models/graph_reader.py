"""An encoder that ONNX Runtime runs on a CPU, from graphs prepared once on a machine (`preparation.py`).

Nothing here imports torch or transformers: a bot in production saves their 600 MB and the seconds of their import.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rasa_llm_components.models.int8_graph import session_of
from rasa_llm_components.models.layered_graph import IDS, LayeredReading, name_of
from rasa_llm_components.models.model_facts import ModelFacts
from rasa_llm_components.models.readers import Reading, WholeReading

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WHOLE, TOKENIZER, ABOUT = "whole.onnx", "tokenizer.json", "about.json"
"""Files of a prepared encoder: weights of 32 bits, tokenizer, and what there is to know of them."""

QUICK = "quick_{layer}.onnx"
"""A file a layer, from 1 on, with weights of 8 bits."""

QUICK_AGREES = 0.998
"""Least mean cosine between the vectors of both graphs at which the quick one is used."""


class GraphReader:
    """One text alone goes through weights of 8 bits, many at once through weights of 32 bits.

    Texts of a batch that have the same length share a pass: nothing is padded, so a text's vector does not depend on
    the others.
    """

    def __init__(self, folder: Path, *, exact: bool = False) -> None:
        """Opens a prepared encoder.

        Args:
            folder: of its files.
            exact: one text alone is read with weights of 32 bits too; so it is where 8 bits change the vectors.

        Raises:
            OSError, ValueError, KeyError: it is not whole.
        """
        from tokenizers import Tokenizer

        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        for name, size in about["sizes"].items():
            if (folder / name).stat().st_size != size:
                raise ValueError(f"{name} has {(folder / name).stat().st_size} bytes instead of {size}")
        self._folder = folder
        self.facts = ModelFacts(**about["facts"])
        self.agreement: float = about["agreement"]
        self.tokenizer: Tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._quick: list[Any] = []
        if not exact and self.agreement >= QUICK_AGREES:
            self._quick = [_session(folder / QUICK.format(layer=n + 1)) for n in range(self.facts.layers)]

    @property
    def has_quick_way(self) -> bool:
        """Always."""
        return True

    def read(self, ids: Sequence[int]) -> Reading:
        """One text alone, as far as somebody asks."""
        if self._quick:
            return LayeredReading(self._quick, ids)
        return WholeReading([states[0] for states in self._whole_alone.run(None, _input([ids]))])

    def states(self, texts: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """The last layer's `(tokens, hidden)` of each text of a batch, shorter ones first."""
        return list(self._states(texts))

    def _states(self, texts: Sequence[Sequence[int]]) -> Iterator[np.ndarray]:
        for _, alike in groupby(texts, key=len):
            yield from self._whole.run([name_of(self.facts.layers)], _input(list(alike)))[0]

    @cached_property
    def _whole(self) -> Any:
        return _session(self._folder / WHOLE, threads=0)

    @cached_property
    def _whole_alone(self) -> Any:
        return _session(self._folder / WHOLE)


def _input(ids: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
    return {IDS: np.array(ids, dtype=np.int64)}


def _session(file: Path, *, threads: int = 1) -> Any:
    try:
        return session_of(str(file), threads=threads)
    except Exception as error:  # onnxruntime raises a kind of its own for each damage
        raise ValueError(f"{file.name}: {error}") from error
