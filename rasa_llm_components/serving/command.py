"""`rasa-llm serve`: the models behind an HTTP server that many bots share."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rasa_llm_components.errors import ConfigurationError, MissingDependencyError
from rasa_llm_components.open_files import allow_many_connections

_SWITCH_SECONDS = 0.0005
"""A reading thread comes back from ONNX Runtime every fraction of a millisecond and then needs Python's lock: Python's
own 5 ms of waiting for it would be several texts long."""

_ABOUT = """
Which server for which machine:
  a CPU, or one GPU, for encoders and trained bots ... rasa-llm serve
  several machines ................................... rasa-llm serve --ray (or serve.yaml with Ray's own command)
  text generation on a CPU ........................... generators: {small: {model: file.gguf}}
  text generation on a GPU ........................... vLLM in an environment of its own, and
                                                       generators: {large: {endpoint: http://gpu:8000/v1, model: NAME}}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _ABOUT
    parser.add_argument("--config", type=Path, metavar="FILE", help="a YAML file: encoders, bots, generators, limits")
    parser.add_argument("--host", metavar="ADDRESS", help="to listen on (default: 127.0.0.1, this machine alone)")
    parser.add_argument("--port", type=int, help="to listen on (default: 8080; 0 takes a free one)")
    parser.add_argument("--bot", action="append", metavar="NAME=PATH", help="serve a trained bot too; may come again")
    parser.add_argument("--api-keys", metavar="FILE", help="only clients with a key of this file may ask")
    parser.add_argument("--new-key", metavar="NAME", help="make a key, show it once, keep its hash in --api-keys; end")
    parser.add_argument("--per-minute", type=int, default=0, metavar="N", help="requests of the new key (0: no limit)")
    parser.add_argument("--ray", action="store_true", help="run on Ray Serve: several processes, several machines")
    parser.add_argument("--replicas", type=int, default=1, metavar="N", help="with --ray (default: 1)")
    parser.add_argument("--verbose", action="store_true", help="log every request: path, id, status, time; no texts")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serves until it is stopped."""
    logging.basicConfig(
        level=logging.INFO if arguments.verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    if arguments.new_key:
        return _make_key(arguments)
    from rasa_llm_components.serving.settings import ServeSettings

    bots = dict(_pair(given) for given in arguments.bot) if arguments.bot else None

    def read() -> ServeSettings:
        return ServeSettings.from_file(
            arguments.config, host=arguments.host, port=arguments.port, bots=bots, api_keys=arguments.api_keys
        )

    settings = read()
    _check_installed()
    if arguments.ray:
        from rasa_llm_components.serving.ray_serve import run_on_ray

        return run_on_ray(settings, replicas=arguments.replicas)
    return _serve(settings, read)


def _serve(settings: Any, read_again: Callable[[], Any]) -> int:
    import uvicorn

    from rasa_llm_components.serving.api_keys import ApiKeys
    from rasa_llm_components.serving.application import application
    from rasa_llm_components.serving.catalogue import Catalogue
    from rasa_llm_components.serving.listener import listening

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the application listens to it, it must not end the process
    listener = listening(settings.host, settings.port)
    keys = ApiKeys(settings.api_keys) if settings.api_keys else None
    print("Loading the models ...", flush=True)
    catalogue = Catalogue.load(settings)
    certificate, key = settings.tls or (None, None)
    configuration = uvicorn.Config(
        application(catalogue, keys, settings=read_again),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        backlog=2048,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    address, port = listener.getsockname()[:2]
    address = f"[{address}]" if ":" in address else address
    names = ", ".join([*catalogue.encoders, *catalogue.bots, *catalogue.generators])
    print(f"Serving {names} on {'https' if key else 'http'}://{address}:{port}/v1", flush=True)
    if keys is None and settings.host not in ("127.0.0.1", "localhost", "::1"):
        print("Everybody who reaches this address may ask: --api-keys FILE restricts it.", flush=True)
    allow_many_connections()
    sys.setswitchinterval(_SWITCH_SECONDS)
    uvicorn.Server(configuration).run(sockets=[listener])
    return 0


def _make_key(arguments: argparse.Namespace) -> int:
    from rasa_llm_components.serving.api_keys import add_key

    if not arguments.api_keys:
        raise ConfigurationError(
            "into which file?",
            component="rasa-llm serve",
            key="--new-key",
            value=arguments.new_key,
            fix="Add --api-keys FILE.",
        )
    print(add_key(Path(arguments.api_keys), arguments.new_key, arguments.per_minute))
    return 0


def _pair(given: str) -> tuple[str, str]:
    name, equals, path = given.partition("=")
    if not (name and equals and path):
        raise ConfigurationError(
            "this is no NAME=PATH.", component="rasa-llm serve", key="--bot", value=given, fix="Write --bot shop=models"
        )
    return name, path


def _check_installed() -> None:
    try:
        import orjson  # noqa: F401
        import prometheus_client  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"{error.name} is not installed.",
            component="rasa-llm serve",
            fix='Run: pip install "rasa-llm-components[serving]"',
        ) from error
