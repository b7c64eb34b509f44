"""Which models are served now. A new one is loaded beside the old, and takes over only when it answers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rasa_llm_components.errors import ConfigurationError
from rasa_llm_components.models.registry import DEFAULT_ENCODER
from rasa_llm_components.models.weights import find_weights
from rasa_llm_components.serving.hosted_encoder import HostedEncoder
from rasa_llm_components.serving.hosted_generator import HostedGenerator, LlamaCppGenerator, ProxiedGenerator
from rasa_llm_components.serving.metrics import count_pass
from rasa_llm_components.serving.refusals import RefusalError
from rasa_llm_components.serving.settings import ENCODER_KEYS, ServeSettings
from rasa_llm_components.serving.trained_bot import TrainedBot, newest

logger = logging.getLogger(__name__)

_FIRST_TEXT = "is my parcel on its way?"
_LOOK_AT_SETTINGS = 5.0
_KEEP_OLD_SECONDS = 30.0
"""After a change, for requests that are under way."""


@dataclass(frozen=True)
class HostedBot:
    """A trained bot on a hosted encoder."""

    name: str
    bot: TrainedBot
    host: HostedEncoder
    stamp: tuple[str, int, int]

    async def analyse(self, texts: list[str]) -> list[dict[str, Any]]:
        """See `TrainedBot.analyse`. Raises RefusalError when too much waits."""
        return await self.host.queue.read(texts, self.bot.analyse)


@dataclass
class Catalogue:
    """The models by their names."""

    settings: ServeSettings
    encoders: dict[str, HostedEncoder] = field(default_factory=dict)
    bots: dict[str, HostedBot] = field(default_factory=dict)
    generators: dict[str, HostedGenerator] = field(default_factory=dict)
    _of_bots: dict[tuple[Any, ...], HostedEncoder] = field(default_factory=dict)
    _refused: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    _loading: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, settings: ServeSettings, *, beside: Catalogue | None = None) -> Catalogue:
        """Loads everything, and asks each model once.

        Args:
            settings: what to serve.
            beside: a catalogue at work; what is the same there is taken from it.

        Raises:
            ConfigurationError: one of them cannot be had; what had been loaded for it is let go of.
        """
        catalogue, old = cls(settings), beside or cls(ServeSettings())
        try:
            for name, keys in settings.encoders.items():
                with _told(f"encoders: {name}"):
                    same = old.settings.encoders.get(name) == keys and name in old.encoders
                    catalogue.encoders[name] = old.encoders[name] if same else catalogue._encoder(name, keys)
            for name, path in settings.bots.items():
                catalogue.bots[name] = catalogue._bot(name, path)
            for name, keys in settings.generators.items():
                with _told(f"generators: {name}"):
                    same = old.settings.generators.get(name) == keys
                    catalogue.generators[name] = old.generators[name] if same else _generator(name, keys)
        except BaseException:
            for one in catalogue._closable():
                if one not in old._closable():
                    one.close()
            raise
        return catalogue

    def take(self, settings: ServeSettings) -> None:
        """Other settings: what is new is loaded beside what is at work, and takes over when all of it answers.

        Raises:
            ConfigurationError: one of them cannot be had; everything stays as it was.
        """
        with self._loading:
            new, before = Catalogue.load(settings, beside=self), self._closable()
            self.settings, self._of_bots, self._refused = settings, new._of_bots, {}
            self.encoders, self.bots, self.generators = new.encoders, new.bots, new.generators
            for one in before:
                if one not in self._closable():
                    _close_later(one)

    def encoder(self, name: str) -> HostedEncoder:
        """The encoder of this name. Raises RefusalError when there is none."""
        found: HostedEncoder = _found(self.encoders, name, "encoder", "model")
        return found

    def bot(self, name: str) -> HostedBot:
        """The bot of this name. Raises RefusalError when there is none."""
        found: HostedBot = _found(self.bots, name, "bot", "bot")
        return found

    def generator(self, name: str) -> HostedGenerator:
        """The generator of this name. Raises RefusalError when there is none."""
        found: HostedGenerator = _found(self.generators, name, "text generator", "model")
        return found

    def listed(self) -> list[dict[str, Any]]:
        """For `/v1/models`: what there is, and the fingerprint of its weights."""
        rows = [
            {"id": name, "kind": "encoder", "fingerprint": encoder.fingerprint, "dimension": encoder.dimension}
            for name, encoder in self.encoders.items()
        ]
        rows += [
            {"id": name, "kind": "generator", "fingerprint": generator.fingerprint}
            for name, generator in self.generators.items()
        ]
        rows += [
            {"id": name, "kind": "bot", "fingerprint": bot.host.fingerprint, "version": bot.bot.version}
            for name, bot in self.bots.items()
        ]
        return [{"object": "model", "created": 0, "owned_by": "rasa-llm-components", **row} for row in rows]

    @property
    def is_full(self) -> bool:
        """Whether no encoder takes more work."""
        hosts = self._hosts()
        return bool(hosts) and all(host.queue.is_full for host in hosts)

    @property
    def waiting_tokens(self) -> int:
        """In all queues."""
        return sum(host.queue.waiting_tokens for host in self._hosts())

    async def watch_bots(self) -> None:
        """Looks for newer models of the bots for ever."""
        while True:
            await asyncio.sleep(self.settings.look_for_models or _LOOK_AT_SETTINGS)
            if self.settings.look_for_models:
                await asyncio.to_thread(self.take_newer_bots)

    def take_newer_bots(self) -> list[str]:
        """Loads bots that have a newer model; one that cannot be read leaves the old at work, and is told once.

        Returns:
            The names of those that changed.
        """
        changed = []
        with self._loading:
            for name, path in self.settings.bots.items():
                try:
                    stamp = _stamp(newest(path))
                except (ConfigurationError, OSError):
                    continue
                if stamp in (self.bots[name].stamp, self._refused.get(name)):
                    continue
                try:
                    self.bots = {**self.bots, name: self._bot(name, path)}
                except Exception as error:  # the old model must go on, whatever is wrong with the new
                    logger.error("The new model of bot %s is not taken, the old one stays: %s", name, error)
                    self._refused[name] = stamp
                else:
                    logger.info("Bot %s: %s takes over.", name, stamp[0])
                    changed.append(name)
            self._let_go_of_unused()
        return changed

    def close(self) -> None:
        """Ends all threads."""
        for one in self._closable():
            one.close()

    def _closable(self) -> list[HostedEncoder | HostedGenerator]:
        return [*self._hosts(), *self.generators.values()]

    def _hosts(self) -> list[HostedEncoder]:
        return list({id(host): host for host in [*self.encoders.values(), *self._of_bots.values()]}.values())

    def _encoder(self, name: str, keys: Mapping[str, Any]) -> HostedEncoder:
        from rasa_llm_components.models.encoder import Encoder

        encoder = Encoder.from_pretrained(**{key: keys[key] for key in ENCODER_KEYS if key != "workers"})
        encoder.encode([_FIRST_TEXT])
        return HostedEncoder(
            name,
            encoder,
            most_tokens=self.settings.limits["waiting_tokens"],
            workers=keys["workers"],
            on_pass=lambda texts, tokens, seconds: count_pass(name, texts, tokens, seconds),
        )

    def _bot(self, name: str, path: Path) -> HostedBot:
        file = newest(path)
        stamp = _stamp(file)
        used: list[HostedEncoder] = []

        def load(configuration: Mapping[str, Any]) -> Any:
            used.append(self._encoder_of_bot(configuration))
            return used[0].encoder

        bot = TrainedBot.from_archive(file, load)
        bot.analyse([_FIRST_TEXT])
        return HostedBot(name, bot, used[0], stamp)

    def _encoder_of_bot(self, configuration: Mapping[str, Any]) -> HostedEncoder:
        """Bots with the same encoder share it, also with clients that ask for it by name."""
        if configuration.get("endpoint"):
            # Trained against a server: the name is one that this server gives.
            name = str(configuration.get("model", ""))
            if name not in self.encoders:
                raise ConfigurationError(
                    "a bot was trained with an encoder of this name behind an endpoint, and there is none here.",
                    component="rasa-llm serve",
                    key="encoders",
                    value=name,
                    fix=f"Add {name}: {{model: ...}} below encoders.",
                )
            return self.encoders[name]
        keys = {key: configuration.get(key, default) for key, default in ENCODER_KEYS.items()}
        same = [name for name, named in self.settings.encoders.items() if {**named, "workers": 0} == keys]
        if same:
            return self.encoders[same[0]]
        key = tuple(keys.values())
        if key not in self._of_bots:
            self._of_bots[key] = self._encoder(str(keys["model"] or DEFAULT_ENCODER), keys)
        return self._of_bots[key]

    def _let_go_of_unused(self) -> None:
        used = {id(bot.host) for bot in self.bots.values()}
        for key in [key for key, host in self._of_bots.items() if id(host) not in used]:
            _close_later(self._of_bots.pop(key))


def _close_later(one: HostedEncoder | HostedGenerator) -> None:
    later = threading.Timer(_KEEP_OLD_SECONDS, one.close)
    later.daemon = True  # a server that is stopped does not wait for it
    later.start()


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Puts where it was written into a configuration error."""
    try:
        yield
    except ConfigurationError as error:
        raise error.for_component("rasa-llm serve", f"{where}: {error.key}") from error


def _generator(name: str, keys: Mapping[str, Any]) -> HostedGenerator:
    if keys["endpoint"]:
        return ProxiedGenerator(
            name, keys["endpoint"], model=keys["model"], api_key=keys["api_key"], seconds=keys["seconds"]
        )
    how = {key: keys[key] for key in ("context", "parallel", "waiting", "threads")}
    weights = find_weights(keys["model"])
    if not weights.is_file():
        raise ConfigurationError(
            "only .gguf files run in this server.",
            key="model",
            value=keys["model"],
            fix="Serve other weights with vLLM, and write `endpoint:` here.",
        )
    return LlamaCppGenerator(name, weights, **how)


def _found(models: Mapping[str, Any], name: str, kind: str, parameter: str) -> Any:
    """The model of a name; an empty name will do where there is one model only."""
    if not name and len(models) == 1:
        return next(iter(models.values()))
    if name not in models:
        there = ", ".join(sorted(models)) or "none"
        raise RefusalError(404, f"there is no {kind} called {name!r} here; there is: {there}", parameter=parameter)
    return models[name]


def _stamp(file: Path) -> tuple[str, int, int]:
    facts = file.stat()
    return str(file), facts.st_mtime_ns, facts.st_size
