"""Times the components of a loaded bot."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Stopwatch:
    """Stands between Rasa's graph and its components, and keeps how long each call took.

    Rasa's own hooks run when a model is trained; a loaded model takes none, so its nodes are wrapped.
    """

    def __init__(self, nodes: dict[str, Any]) -> None:
        """Wraps the nodes.

        Args:
            nodes: of the graph, by name (`DaskGraphRunner`), in the order in which they run.
        """
        self.components: dict[str, Any] = {}
        self.names: dict[str, str] = {}
        self.milliseconds: dict[str, list[float]] = {}
        for name, node in nodes.items():
            self.components[name] = node._component
            self.names[name] = _name(node)
            self.milliseconds[name] = []
            node._fn = self._timed(node._fn, self.milliseconds[name])

    def reset(self) -> None:
        """Forgets what was timed: the first messages warm up."""
        for times in self.milliseconds.values():
            times.clear()

    @staticmethod
    def _timed(function: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                times.append((time.perf_counter() - started) * 1000)

        return timed


def _name(node: Any) -> str:
    """The component's class; a node that asks another thing of it than to process a message says so."""
    component = type(node._component).__name__
    return component if node._fn_name == "process" else f"{component}.{node._fn_name}"
