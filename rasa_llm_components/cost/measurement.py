"""Measures a trained bot: messages are parsed through Rasa itself, one after the other, as its server does."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rasa_llm_components.cost.energy import WATTS_PER_CORE, Energy, EnergyMeter
from rasa_llm_components.cost.layers import Layers, layers_passed
from rasa_llm_components.cost.stopwatch import Stopwatch
from rasa_llm_components.errors import ConfigurationError, MissingDependencyError

_WARM_UP = 10
_MILLION = 1_000_000


@dataclass(frozen=True)
class Step:
    """One component's share of a message.

    Attributes:
        component: its class, or what else took the time.
        p50_ms: milliseconds, of half the messages at most.
        p99_ms: milliseconds, of 99 of 100 messages at most.
        share: of the whole time.
    """

    component: str
    p50_ms: float
    p99_ms: float
    share: float


@dataclass(frozen=True)
class Cost:
    """What was measured.

    Attributes:
        model: the model's file.
        messages: how many different ones were parsed.
        seconds: for all of them.
        steps: in the order in which a message meets them; the last one is Rasa itself, between them.
        message: the whole message.
        decision: what the policies take to choose one action; None for a bot without policies.
        memory_mb: of this process: of Rasa before the bot was loaded, with the bot, after the messages.
        energy: of all messages.
        layers: transformer layers that a message passes.
    """

    model: str
    messages: int
    seconds: float
    steps: list[Step]
    message: Step
    decision: Step | None
    memory_mb: dict[str, int]
    energy: Energy
    layers: list[Layers]

    @property
    def messages_per_second(self) -> float:
        """Of one Rasa process, which parses one at a time."""
        return self.messages / self.seconds

    @property
    def watts(self) -> float:
        """Power while messages come without a pause: watt hours an hour."""
        return self.energy.joules / self.seconds

    @property
    def kwh_a_million(self) -> float:
        """Kilowatt hours for a million messages."""
        return self.energy.joules / self.messages * _MILLION / 3.6e6

    def price_a_million(self, price_per_hour: float) -> float:
        """What a million messages cost when the machine is fully used, in the currency of the price."""
        return price_per_hour * _MILLION / self.messages_per_second / 3600

    def to_json(self, price_per_hour: float | None = None) -> dict[str, Any]:
        """Plain values, for a file."""
        priced = {} if price_per_hour is None else {"price_per_hour": price_per_hour}
        if price_per_hour is not None:
            priced["price_a_million_messages"] = round(self.price_a_million(price_per_hour), 4)
        return {
            **asdict(self),
            "messages_per_second": round(self.messages_per_second, 2),
            "watt_hours_an_hour": round(self.watts, 2),
            "kwh_a_million_messages": round(self.kwh_a_million, 4),
            **priced,
        }


def measure(model: Path, messages: Sequence[str], *, watts_per_core: float = WATTS_PER_CORE) -> Cost:
    """Loads a trained bot and parses the messages.

    Args:
        model: a model, or the folder whose latest one is taken.
        messages: texts; equal ones are parsed once, since the encoder remembers a text for a while.
        watts_per_core: for the estimate of the energy where it can't be read.

    Raises:
        ConfigurationError: no such model, one that can't be loaded, or no messages.
    """
    different = list(dict.fromkeys(text.strip() for text in messages if text.strip()))
    if not different:
        raise ConfigurationError("there are no messages to measure with.", fix="Name a file: --messages FILE.")
    _import_rasa()
    memory = {"before": _memory_mb()}
    agent = _loaded(model)
    memory["loaded"] = _memory_mb()
    stopwatch = Stopwatch(_nodes(agent))
    warm_up = [f"{text} please" for text in different[:_WARM_UP]]
    asyncio.run(_parse(agent, warm_up))
    stopwatch.reset()
    meter = EnergyMeter(watts_per_core=watts_per_core, gpu=_uses_gpu())
    started = time.perf_counter()
    parsed, whole = asyncio.run(_parse(agent, different))
    seconds, energy = time.perf_counter() - started, meter.read()
    memory["after"] = _memory_mb()
    return Cost(
        str(Path(model, agent.processor.model_filename) if model.is_dir() else model),
        len(different),
        seconds,
        _steps(stopwatch, whole),
        _step("whole message", whole, sum(whole)),
        _decision(agent, parsed),
        memory,
        energy,
        layers_passed({type(c).__name__: c for c in stopwatch.components.values()}),
    )


def _import_rasa() -> None:
    """With a bot's own modules importable from the folder this runs in, as in Rasa's commands."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(1, str(Path.cwd()))
    import rasa.core.agent  # noqa: F401


def _loaded(model: Path) -> Any:
    from rasa.core.agent import Agent
    from rasa.engine.exceptions import GraphComponentException
    from rasa.shared.exceptions import RasaException

    try:
        return Agent.load(model)
    except (RasaException, ValueError, OSError, ImportError) as error:
        # Rasa wraps what a component raises in a sentence that names the node only.
        told = error.__cause__ if isinstance(error, GraphComponentException) and error.__cause__ else error
        reason = " ".join(str(told).split()).rstrip(".") + "."
        raise ConfigurationError(
            f"no trained bot could be loaded: {reason}",
            component=str(model),
            fix="" if "rasa train" in reason else "Train one: rasa train",
        ) from error


def _nodes(agent: Any) -> dict[str, Any]:
    """The nodes that a message passes, in the order of the pipeline."""
    runner, target = agent.processor.graph_runner, agent.processor.model_metadata.nlu_target
    needed = runner._graph_schema.minimal_graph_schema([target]).nodes
    return {name: runner._instantiated_nodes[name] for name in _in_order(needed, target)}


def _in_order(nodes: dict[str, Any], target: str) -> list[str]:
    order: list[str] = []

    def visit(name: str) -> None:
        if name in nodes and name not in order:
            for needed in nodes[name].needs.values():
                visit(needed)
            order.append(name)

    visit(target)
    return order


async def _parse(agent: Any, messages: Sequence[str]) -> tuple[list[dict[str, Any]], list[float]]:
    """What was understood, and the milliseconds of each message."""
    parsed, milliseconds = [], []
    for text in messages:
        started = time.perf_counter()
        parsed.append(await agent.parse_message(text))
        milliseconds.append((time.perf_counter() - started) * 1000)
    return parsed, milliseconds


def _steps(stopwatch: Stopwatch, whole: Sequence[float]) -> list[Step]:
    total = sum(whole)
    steps = [_step(stopwatch.names[name], times, total) for name, times in stopwatch.milliseconds.items() if times]
    between = np.array(whole) - np.sum([times for times in stopwatch.milliseconds.values() if times], axis=0)
    return [*steps, _step("Rasa itself", between, total)]


def _step(name: str, milliseconds: Any, total: float) -> Step:
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return Step(name, round(float(p50), 3), round(float(p99), 3), round(float(np.sum(milliseconds) / total), 4))


def _decision(agent: Any, parsed: Sequence[dict[str, Any]]) -> Step | None:
    """The policies' choice of an action after each message, at the beginning of a conversation."""
    if not agent.processor.model_metadata.core_target:
        return None
    from rasa.shared.core.events import ActionExecuted, UserUttered
    from rasa.shared.core.trackers import DialogueStateTracker

    milliseconds = []
    for data in parsed:
        said = UserUttered(data["text"], data["intent"], data["entities"], data)
        tracker = DialogueStateTracker.from_events("cost", [ActionExecuted("action_listen"), said], agent.domain.slots)
        started = time.perf_counter()
        agent.processor.predict_next_with_tracker(tracker)
        milliseconds.append((time.perf_counter() - started) * 1000)
    return _step("policies, an action", milliseconds, sum(milliseconds))


def _memory_mb() -> int:
    try:
        import psutil
    except ImportError as error:
        raise MissingDependencyError(
            "psutil is not installed.", fix='Run: pip install "rasa-llm-components[cost]"'
        ) from error
    return round(psutil.Process().memory_info().rss / 2**20)


def _uses_gpu() -> bool:
    torch = sys.modules.get("torch")
    return bool(torch and torch.cuda.is_available() and torch.cuda.memory_allocated() > 0)
