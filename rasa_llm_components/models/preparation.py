"""Makes an encoder ready for a machine, once: ONNX graphs, tokenizer and facts in the user's cache.

This takes torch. A process that has not imported it, such as a bot that starts on a new machine, lets another process
do it, which gives its memory back: `python -m rasa_llm_components.models.preparation WEIGHTS NAME FOLDER`.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np

from rasa_llm_components.models.graph_reader import ABOUT, QUICK, TOKENIZER, WHOLE, GraphReader
from rasa_llm_components.models.int8_graph import eight_bits, exported, fused, is_installed, opened
from rasa_llm_components.models.layered_graph import cut
from rasa_llm_components.models.single_text import EXAMPLES, TRIED, agreement, hidden_states
from rasa_llm_components.models.user_cache import cache_folder
from rasa_llm_components.models.weights import WEIGHT_SUFFIXES

logger = logging.getLogger(__name__)

_FORMAT = 7
"""To be raised when anything is made in another way: older folders are then made anew."""
_LARGEST = 1_600_000_000
"""Bytes of weights from which on no graph is made: ONNX's one-file format ends at two gigabytes."""
_SAME = 0.9999
"""Least mean cosine between the model and its graph of 32 bits."""
_PATIENCE = 600
"""Seconds that the other process may take."""

_unkept: list[tempfile.TemporaryDirectory[str]] = []
"""Prepared encoders that the cache could not take; they live as long as this process."""


class NoGraphError(RuntimeError):
    """A model of which no graph can be made: too large, or made of parts that ONNX does not know."""


def prepared(weights: Path, name: str, fingerprint: str, *, exact: bool = False) -> GraphReader | None:
    """The graphs of an encoder: from the user's cache, or made now (a few seconds) and kept there.

    Args:
        weights: folder of the model.
        name: what the configuration calls it, for errors.
        fingerprint: of the weights.
        exact: one text alone is read with weights of 32 bits too.

    Returns:
        None where ONNX is not installed or the model has no such graphs: torch reads it then.

    Raises:
        WeightsNotFoundError: the folder is incomplete, or holds no encoder.
    """
    if not is_installed() or _size(weights) > _LARGEST:
        return None
    folder = cache_folder() / "encoders" / f"{fingerprint}-{_FORMAT}-{version('onnxruntime')}"
    try:
        return GraphReader(folder, exact=exact)
    except FileNotFoundError:
        logger.info("Preparing the encoder %s, once on this machine.", name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s is damaged (%s) and is made again.", folder, error)
        _remove(folder)
    try:
        return GraphReader(_made(weights, name, folder), exact=exact)
    except NoGraphError as error:
        logger.warning("The encoder %s has no ONNX graph, torch reads it: %s", name, error)
        return None


def prepare(weights: Path, name: str, folder: Path) -> None:
    """Writes a prepared encoder into an empty folder.

    Args:
        weights: folder of the model.
        name: what the configuration calls it, for errors.
        folder: to write to.

    Raises:
        WeightsNotFoundError: the weights are incomplete, or no encoder.
        NoGraphError: there can be no graphs of it.
    """
    import onnx

    from rasa_llm_components.models.torch_reader import load_model, load_tokenizer

    model = load_model(weights, name)
    tokenizer, facts = load_tokenizer(weights, name, model.config)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tried = [tokenizer.encode(text).ids for text in TRIED]
    try:
        graph = fused(exported(model))
        whole = graph.SerializeToString()
        quick = eight_bits(graph, [np.array([tokenizer.encode(text).ids]) for text in EXAMPLES])
        same = agreement(opened(whole), hidden_states(model), tried)
        quick_agreement = agreement(opened(quick), hidden_states(model), tried)
        parts = cut(onnx.load_from_string(quick), facts.layers)
    except Exception as error:  # the exporter, the optimiser and the quantiser raise whatever stops them
        raise NoGraphError(_first_line(str(error)) or type(error).__name__) from error
    if not same >= _SAME:
        raise NoGraphError(f"its graph says something else (cosine {same:.4f})")
    (folder / WHOLE).write_bytes(whole)
    for number, part in enumerate(parts):
        (folder / QUICK.format(layer=number + 1)).write_bytes(part)
    tokenizer.save(str(folder / TOKENIZER))
    sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
    about = {"facts": asdict(facts), "agreement": quick_agreement, "sizes": sizes}
    (folder / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _made(weights: Path, name: str, folder: Path) -> Path:
    """A folder with the prepared encoder: the one wanted, or a temporary one where that can't be written."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
    except OSError as error:
        logger.warning("%s cannot be kept for the next start: %s", folder, error)
        _unkept.append(tempfile.TemporaryDirectory(prefix="rasa-llm-"))
        new = Path(_unkept[-1].name)
        _prepare_anywhere(weights, name, new)
        return new
    try:
        _prepare_anywhere(weights, name, new)
        os.replace(new, folder)
    except OSError:
        if not (folder / ABOUT).exists():  # another process was not quicker: the disk is full, or the like
            raise
    finally:
        _remove(new)
    return folder


def _prepare_anywhere(weights: Path, name: str, folder: Path) -> None:
    if "torch" not in sys.modules and _prepare_elsewhere(weights, name, folder):
        return
    prepare(weights, name, folder)  # also where the other process failed: the error is then raised here


def _prepare_elsewhere(weights: Path, name: str, folder: Path) -> bool:
    command = [sys.executable, "-m", __name__, str(weights), name, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.info("The encoder is prepared in this process: %s", error)
        return False
    if done.returncode:
        logger.debug("Preparing the encoder in another process failed: %s", done.stderr)
    return done.returncode == 0


def _size(weights: Path) -> int:
    return sum(file.stat().st_size for file in weights.iterdir() if file.suffix in WEIGHT_SUFFIXES)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200] if text.strip() else ""


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
