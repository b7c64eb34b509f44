"""The server on Ray Serve: `rasa-llm serve --ray`, and `app` for `deploy/serve.yaml`.

One application of two deployments. `Encoders` answers every path with the very application of a single process, so
that keys, limits, refusals and what `/v1/models` lists are the same. Generators that write in a process of their own
are the second deployment, `Generators`, which scales and fails apart from the first: `Encoders` passes their replies
on, piece by piece. A generator behind an `endpoint` runs elsewhere already, and is asked from `Encoders` directly.

Two applications under two route prefixes would save that passing on, and would split `/v1/models`, `/metrics` and
the settings in two; a reply of some words a second costs next to nothing to pass on.

What differs from a single process: an API key's allowance is counted by each replica, for itself.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from rasa_llm_components.errors import ConfigurationError, MissingDependencyError
from rasa_llm_components.serving.api_keys import ApiKeys
from rasa_llm_components.serving.listener import listening
from rasa_llm_components.serving.settings import COMPONENT, ServeSettings

try:
    import ray
    from ray import serve

    from rasa_llm_components.serving.ray_encoders import Encoders, http_application
    from rasa_llm_components.serving.ray_figures import Figures
    from rasa_llm_components.serving.ray_generators import Generators, written_here
except ImportError as missing:
    raise MissingDependencyError(
        f"{missing.name} is not installed.",
        component="rasa-llm serve --ray",
        fix='Run: pip install "rasa-llm-components[ray]"',
    ) from missing

NAME = "rasa-llm"
"""The application's, in Ray's lists."""

_QUIET = {"log_level": "WARNING", "enable_access_log": False}
_OBJECT_STORE_BYTES = 128 * 1024**2
"""Of a Ray on this machine: requests are small, and none of them lies in the store."""


def app(args: Mapping[str, Any]) -> serve.Application:
    """The application, for `import_path: rasa_llm_components.serving.ray_serve:app` in Ray's own configuration.

    Args:
        args: the keys of the server's YAML file (`settings.py`), and `config`: such a file, over which they are laid.
            Paths are those of the machine on which a replica runs. `host`, `port` and `tls_*` have no effect: they
            are Ray's `http_options`.

    Raises:
        ConfigurationError: a key that there is not, a value that cannot be.
    """
    given = dict(args)
    file = given.pop("config", None)
    return deployments(ServeSettings.from_file(Path(file) if file else None, **given))


def run_on_ray(settings: ServeSettings, *, replicas: int = 1) -> int:
    """Serves with several processes until Ctrl-C or SIGTERM, then takes down what it started.

    Args:
        settings: what to serve, and where. Relative paths are made whole.
        replicas: of `Encoders`. On this machine its cores and GPUs are shared out among them; in the cluster that the
            variable RAY_ADDRESS names, each takes one CPU.

    Returns:
        The exit status.

    Raises:
        ConfigurationError: the address is taken, or a replica cannot start.
    """
    if replicas < 1:
        raise ConfigurationError(
            "there must be one at least.", component=COMPONENT, key="--replicas", value=replicas, fix="Write 1 or more."
        )
    settings = _with_whole_paths(settings)
    joins = bool(os.environ.get("RAY_ADDRESS"))
    cpus = 1 if joins else max(1, _cores() // replicas)
    if not joins:
        settings = replace(settings, port=_free_port(settings.host, settings.port))
        if settings.api_keys:
            ApiKeys(settings.api_keys)  # a mistake is told now, not by a replica
    print("Loading the models ...", flush=True)
    was_there = False
    try:
        _start_ray(joins, cpus * replicas)
        was_there = bool(serve.status().proxies)
        signal.signal(signal.SIGTERM, _end)  # after Ray has set its own
        _deploy(settings, replicas, {"num_cpus": cpus, **_gpus(settings, replicas)})
        names = ", ".join([*settings.encoders, *settings.bots, *settings.generators])
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        where = f"{'https' if settings.tls else 'http'}://{host}:{settings.port}/v1"
        print(f"Serving {names} on {'the address of the Serve that ran already' if was_there else where}", flush=True)
        if settings.api_keys is None and settings.host not in ("127.0.0.1", "localhost", "::1"):
            print("Everybody who reaches this address may ask: --api-keys FILE restricts it.", flush=True)
        while True:
            signal.pause()
    except KeyboardInterrupt:
        return 0
    finally:
        _take_down(was_there)


def deployments(settings: ServeSettings, **of_encoders: Any) -> serve.Application:
    """All deployments, bound together.

    Args:
        settings: what to serve.
        of_encoders: options that Ray's `deployment` takes, for `Encoders`.
    """
    figures = serve.deployment(Figures).options(ray_actor_options={"num_cpus": 0}, logging_config=_QUIET).bind()

    def http() -> Starlette:  # called in each replica
        return http_application(settings)

    options: dict[str, Any] = {
        # What waits in a replica is bounded by tokens; what waits for one, by this: more is refused with 503.
        "max_ongoing_requests": 256,
        "max_queued_requests": 512,
        # A replica that has died is noticed, and replaced, after so many seconds at the latest.
        "health_check_period_s": 2,
        "logging_config": _QUIET,
    }
    encoders = serve.deployment(serve.ingress(http)(Encoders)).options(**{**options, **of_encoders})
    own = written_here(settings.generators)
    if not own:
        return encoders.bind(figures)
    generators = serve.deployment(Generators).options(
        # No more than are written at once: the others wait outside, for whichever replica is free first.
        max_ongoing_requests=sum(of["parallel"] for of in own.values()),
        max_queued_requests=sum(of["waiting"] for of in own.values()),
        logging_config=_QUIET,
    )
    return encoders.bind(figures, generators.bind(replace(settings, encoders={}, bots={}, generators=own)))


def _start_ray(joins: bool, cpus: int) -> None:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if joins:
        ray.init(**quiet)
    else:
        ray.init(
            "local",
            num_cpus=max(_cores(), cpus) + 1,  # Ray only counts with it: the replicas of both deployments must fit
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            **quiet,
            _node_ip_address="127.0.0.1",
        )
    logging.getLogger("ray.serve").setLevel(logging.ERROR)


def _deploy(settings: ServeSettings, replicas: int, resources: Mapping[str, Any]) -> None:
    certificate, key = settings.tls or (None, None)
    tls = {"ssl_certfile": str(certificate), "ssl_keyfile": str(key)} if key else {}
    serve.start(
        proxy_location="HeadOnly" if not os.environ.get("RAY_ADDRESS") else "EveryNode",
        http_options={"host": settings.host, "port": settings.port, **tls},
        logging_config=_QUIET,
    )
    try:
        serve.run(deployments(settings, num_replicas=replicas, ray_actor_options=dict(resources)), name=NAME)
    except RuntimeError as error:
        raise ConfigurationError(
            f"a replica cannot start: {_reason()}",
            component="rasa-llm serve --ray",
            fix="More stands in Ray's logs, /tmp/ray/session_latest/logs/serve.",
        ) from error


def _end(*_: Any) -> None:
    """As Ctrl-C does, once: a process manager may send the signal to the whole group, and so twice to this process."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _take_down(was_there: bool) -> None:
    if not ray.is_initialized():
        return
    if was_there:  # others' applications go on
        serve.delete(NAME)
    else:
        serve.shutdown()
    ray.shutdown()


def _reason() -> str:
    """Why the deployments failed: the last error of those that Ray tells."""
    of = serve.status().applications[NAME]
    told = "\n".join([of.message, *(deployment.message for deployment in of.deployments.values())])
    errors = [line.strip() for line in told.splitlines() if "Error: " in line]
    return errors[-1] if errors else of.message


def _gpus(settings: ServeSettings, replicas: int) -> dict[str, float]:
    """A replica's part of the GPUs; Ray hides them from those that ask for none."""
    there = ray.cluster_resources().get("GPU", 0)
    wanted = any(keys["device"] != "cpu" for keys in settings.encoders.values()) or settings.bots
    part = min(1.0, math.floor(there / replicas * 1e4) / 1e4)  # Ray counts in ten-thousandths
    return {"num_gpus": part} if wanted and part else {}


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _free_port(host: str, port: int) -> int:
    """The port, or a free one for 0; a port that is taken is told before the models are loaded."""
    listener = listening(host, port)
    with listener:
        return int(listener.getsockname()[1])


def _with_whole_paths(settings: ServeSettings) -> ServeSettings:
    """Replicas run in folders of their own."""

    def whole(models: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        return {name: {**of, "model": _whole(of["model"])} for name, of in models.items()}

    return replace(
        settings,
        encoders=whole(settings.encoders),
        generators=whole(settings.generators),
        bots={name: path.absolute() for name, path in settings.bots.items()},
        api_keys=settings.api_keys and settings.api_keys.absolute(),
        tls=settings.tls and (settings.tls[0].absolute(), settings.tls[1].absolute()),
    )


def _whole(model: str) -> str:
    return str(Path(model).absolute()) if model and Path(model).exists() else model
