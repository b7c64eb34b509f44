"""What `rasa-llm doctor` looks at: is what this bot needs here, and if not, which line fixes it.

Knows Rasa's files, but imports nothing of Rasa: it has to work where Rasa does not.
"""

from __future__ import annotations

import os
import platform
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from rasa_llm_components.errors import ConfigurationError

DISTRIBUTION = "rasa-llm-components"
HTTP_LIMIT = 3.0
"""Seconds a server has to answer."""
_FOR_DEVELOPERS = {"test", "lint", "docs", "bench", "example"}
_UNSET_VARIABLE = re.compile(r"\$\{(\w+)\}")
_OURS = "rasa_llm_components."


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        what: the thing.
        found: what is there.
        state: `missing` when the bot cannot do without it, `optional` when it can.
        fix: the line to type or write; empty when all is well.
    """

    what: str
    found: str
    state: Literal["ok", "optional", "missing"] = "ok"
    fix: str = ""


@dataclass(frozen=True)
class BotFiles:
    """The configuration files of a bot; each is empty where there is no such file."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    endpoints: dict[str, Any] = field(default_factory=dict)
    credentials: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_folder(cls, folder: Path) -> BotFiles:
        """Reads config.yml, endpoints.yml and credentials.yml; `${NAME}` is taken from the environment.

        Raises:
            ConfigurationError: a file is not YAML with keys.
        """
        return cls(folder, *(_read(folder / f"{name}.yml") for name in ("config", "endpoints", "credentials")))

    def components(self) -> list[dict[str, Any]]:
        """The entries of the pipeline."""
        return [entry for entry in self.config.get("pipeline") or [] if isinstance(entry, dict)]

    def nlg(self) -> dict[str, Any]:
        """The keys of our reply generator; empty when the bot uses another."""
        nlg = self.endpoints.get("nlg") or {}
        return nlg if str(nlg.get("type", "")).startswith(_OURS) else {}


def examine(folder: Path) -> Iterator[Finding]:
    """Looks at this installation and at the bot in `folder`, one finding at a time.

    Raises:
        ConfigurationError: one of the bot's files can't be read.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # looking must not download
    bot = BotFiles.from_folder(folder)
    yield from versions()
    yield from extras(bot)
    yield device()
    yield from variables(bot)
    yield from weights(bot)
    yield from documents(bot)
    yield from servers(bot)
    yield from page(bot)


def versions() -> Iterator[Finding]:
    """Python and every package that the plugin cannot do without, against the bounds of its metadata."""
    from packaging.requirements import Requirement

    fits = platform.python_version_tuple()[:2] == ("3", "10")
    fix = "" if fits else "Rasa 3.6 runs on Python 3.10 here: pyenv install 3.10, then a new virtual environment"
    yield Finding("python", platform.python_version(), "ok" if fits else "missing", fix)
    yield Finding(DISTRIBUTION, metadata.version(DISTRIBUTION))
    for text in metadata.requires(DISTRIBUTION) or []:
        requirement = Requirement(text)
        if requirement.marker is None:
            version = _version(requirement.name)
            fits = version is not None and requirement.specifier.contains(version, prereleases=True)
            fix = "" if fits else f'pip install "{text}"'
            yield Finding(requirement.name, version or "not installed", "ok" if fits else "missing", fix)


def extras(bot: BotFiles) -> Iterator[Finding]:
    """The optional parts; one that the bot's own files ask for is needed."""
    from packaging.requirements import Requirement

    needed = _needed_extras(bot)
    requirements = [Requirement(text) for text in metadata.requires(DISTRIBUTION) or []]
    for extra in metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []:
        if extra in _FOR_DEVELOPERS or extra == "quickstart":
            continue
        own = [r.name for r in requirements if r.marker and r.marker.evaluate({"extra": extra})]
        absent = [name for name in own if _version(name) is None]
        state: Literal["optional", "missing"] = "missing" if extra in needed else "optional"
        if absent:
            fix = f'pip install "{DISTRIBUTION}[{extra}]"'
            yield Finding(f"extra {extra}", f"without {', '.join(absent)}", state, fix)
        else:
            yield Finding(f"extra {extra}", "complete")


def device() -> Finding:
    """Where models run, and the memory there."""
    try:
        import torch

        from rasa_llm_components.models.device import choose_device

        chosen = choose_device()
    except (ImportError, OSError) as error:
        return Finding("device", f"torch can't be imported: {error}", "missing", 'pip install "torch>=2.2"')
    if chosen.startswith("cuda"):
        properties = torch.cuda.get_device_properties(torch.device(chosen))
        return Finding("device", f"{properties.name}, {properties.total_memory / 2**30:.0f} GB")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    name = "Apple GPU" if chosen == "mps" else f"CPU, {torch.get_num_threads()} threads"
    return Finding("device", f"{name}, {memory:.0f} GB of memory")


def variables(bot: BotFiles) -> Iterator[Finding]:
    """Names that a file takes from the environment, and that are not there: Rasa would not start."""
    for name in ("config", "endpoints", "credentials"):
        for variable in dict.fromkeys(_UNSET_VARIABLE.findall(str(getattr(bot, name)))):
            yield Finding(
                f"variable {variable}", f"not set, but {name}.yml uses it", "missing", f"export {variable}=..."
            )


def weights(bot: BotFiles) -> Iterator[Finding]:
    """The weights that the bot names, or the default ones; nothing is downloaded."""
    from rasa_llm_components.models.weights import find_weights

    users: dict[str, list[str]] = {}
    for user, model in _named_weights(bot):
        users.setdefault(model, []).append(user)
    for model in users:
        where = ", ".join(users[model])
        try:
            yield Finding(f"weights {model}", f"{find_weights(model)} ({where})")
        except ConfigurationError as error:
            yield Finding(f"weights {model}", f"{error.problem} ({where})", "missing", error.fix)
    for component in bot.components():
        if component.get("name") == "SpacyNLP":
            yield _spacy_pipeline(bot.folder, str(component.get("model", "")))


def documents(bot: BotFiles) -> Iterator[Finding]:
    """The folder that answers come from."""
    named = bot.nlg().get("knowledge")
    if named:
        folder = bot.folder / str(named)
        files = [path for path in folder.rglob("*") if path.is_file()]
        fix = "" if files else f"mkdir -p {folder}, and put Markdown, text, HTML, PDF or CSV files in it"
        yield Finding("knowledge", f"{len(files)} files in {folder}", "ok" if files else "missing", fix)


def servers(bot: BotFiles) -> Iterator[Finding]:
    """The servers that the bot talks to: does anything answer there?"""
    for name, section in bot.endpoints.items():
        address = section.get("url") if isinstance(section, dict) else None
        if isinstance(address, str) and address.startswith("http"):
            starts = name == "action_endpoint"
            fix = "rasa run actions" if starts else f"start the server, or correct `{name}: url:` in endpoints.yml"
            yield _answering(name, address, "optional" if starts else "missing", fix)
    for where, keys in _model_sections(bot):
        if keys.get("endpoint"):
            address = str(keys["endpoint"]).rstrip("/") + "/models"
            yield _answering(where, address, "missing", f"start the server, or correct `endpoint:` of {where}")
    store = bot.nlg().get("store") or {}
    if store.get("url"):
        yield _answering("GenerativeNLG: store", str(store["url"]), "missing", "start Qdrant, or correct `store: url:`")


def page(bot: BotFiles) -> Iterator[Finding]:
    """The web chat's page, when the bot has that channel."""
    if any(name.endswith("channels.WebChat") for name in bot.credentials):
        folder = Path(__file__).parent / "channels" / "page"
        built = (folder / "vendor" / "deepChat.bundle.js").is_file()
        fix = "" if built else f"npm ci --prefix {folder} && npm run --prefix {folder} build"
        yield Finding("web chat page", "built" if built else "not built", "ok" if built else "missing", fix)


def _read(path: Path) -> dict[str, Any]:
    import yaml

    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(os.path.expandvars(path.read_text(encoding="utf-8"))) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"this is no YAML file: {reason}", component=str(path)) from error
    if not isinstance(content, dict):
        raise ConfigurationError("this file must hold `key: value` lines.", component=str(path))
    return content


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _needed_extras(bot: BotFiles) -> set[str]:
    needed = {"endpoint"} if any(keys.get("endpoint") for _, keys in _model_sections(bot)) else set()
    if bot.nlg().get("knowledge"):
        needed.add("knowledge")
    if bot.nlg().get("store"):
        needed.add("qdrant")
    if any(_is_gguf(model) for _, model in _named_weights(bot)):
        needed.add("gguf")
    return needed


def _is_gguf(model: str) -> bool:
    from rasa_llm_components.models.weights import find_weights

    try:
        return find_weights(model).suffix == ".gguf"
    except ConfigurationError:
        return model.endswith(".gguf")


def _model_sections(bot: BotFiles) -> Iterator[tuple[str, dict[str, Any]]]:
    """The places of the bot's files where `model:` or `endpoint:` may stand."""
    for component in bot.components():
        if str(component.get("name", "")).startswith(_OURS):
            yield str(component["name"]).rpartition(".")[2], component
    if bot.nlg():
        yield "GenerativeNLG", bot.nlg()
        yield "GenerativeNLG: encoder", bot.nlg().get("encoder") or {}


def _named_weights(bot: BotFiles) -> Iterator[tuple[str, str]]:
    from rasa_llm_components.models.registry import DEFAULT_ENCODER
    from rasa_llm_components.models.stand_ins import NAME

    sections = list(_model_sections(bot)) or [("the default encoder", {"model": DEFAULT_ENCODER})]
    for where, keys in sections:
        default = DEFAULT_ENCODER if where.endswith(("Featurizer", "encoder")) else ""
        model = str(keys.get("model") or default)
        if model and model != NAME and not keys.get("endpoint"):
            yield where, model


def _spacy_pipeline(folder: Path, name: str) -> Finding:
    here = (folder / f"{name}.py").is_file() or (folder / name).exists()
    if here or (name.isidentifier() and find_spec(name) is not None):
        return Finding(f"spaCy pipeline {name}", "installed")
    return Finding(f"spaCy pipeline {name}", "not installed", "missing", f"python -m spacy download {name}")


def _answering(what: str, address: str, otherwise: Literal["optional", "missing"], fix: str) -> Finding:
    """Any HTTP answer will do: whether it likes the question is not asked here."""
    try:
        with urllib.request.urlopen(address, timeout=HTTP_LIMIT) as response:
            return Finding(what, f"{address} answers ({response.status})")
    except urllib.error.HTTPError as error:
        if error.code < 500:
            return Finding(what, f"{address} answers ({error.code})")
        return Finding(what, f"{address} answers with an error ({error.code})", otherwise, fix)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return Finding(what, f"{address} does not answer ({reason})", otherwise, fix)
