"""Opens a GGUF file with llama.cpp, for one reply at a time or for several."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rasa_llm_components.errors import MissingDependencyError, WeightsNotFoundError


def opened(weights: Path, *, context: int, parallel: int = 1, threads: int = 0) -> Any:
    """An `xllamacpp.Server`, which answers calls and listens to no port.

    Args:
        weights: a `.gguf` file.
        context: tokens of one prompt and its reply together.
        parallel: replies written at the same time.
        threads: of the CPU; 0 is one for every two cores: more gain little, and wait busily for one another when the
            machine has other work.

    Raises:
        MissingDependencyError: xllamacpp is not installed.
        WeightsNotFoundError: llama.cpp can't read the file.
    """
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingDependencyError(
            "GGUF files need xllamacpp.",
            key="model",
            value=weights.name,
            fix='Run: pip install "rasa-llm-components[gguf]"',
        ) from error
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.n_ctx, parameters.n_parallel = context * parallel, parallel
    parameters.cpuparams.n_threads = threads or max(1, (os.cpu_count() or 1) // 2)
    parameters.verbosity = -1
    try:
        return xllamacpp.Server(parameters)
    except (RuntimeError, ValueError) as error:
        raise WeightsNotFoundError(
            f"llama.cpp could not load the file ({error}).",
            key="model",
            value=str(weights),
            fix="Copy or download it again.",
        ) from error
