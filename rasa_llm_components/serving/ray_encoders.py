"""Encoders with their heads, and the HTTP interface, in each replica of one deployment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ray
from ray import serve
from starlette.applications import Starlette

from rasa_llm_components.serving.api_keys import ApiKeys
from rasa_llm_components.serving.application import application
from rasa_llm_components.serving.catalogue import Catalogue
from rasa_llm_components.serving.ray_figures import Figures, FiguresOfReplica
from rasa_llm_components.serving.ray_generators import Generators, PassedOnGenerator, written_here
from rasa_llm_components.serving.refusals import RefusalError
from rasa_llm_components.serving.settings import ServeSettings

_PROBE = "is my parcel on its way?"


class Encoders:
    """A replica: encoders and trained bots behind the HTTP interface, which `http_application` makes beside it."""

    app: Starlette

    def __init__(self, *asked: Any) -> None:
        """Takes the deployments that the interface asks, so that they are started with this one."""

    async def check_health(self) -> None:
        """Asked by Ray from time to time: each encoder reads a short text. Raises RefusalError when one cannot."""
        catalogue: Catalogue = self.app.state.catalogue
        hosts = [*catalogue.encoders.values(), *(bot.host for bot in catalogue.bots.values())]
        for host in {id(host): host for host in hosts}.values():
            try:
                await host.embed([_PROBE])
            except RefusalError as refusal:
                if refusal.status != 503:  # a full queue is no illness
                    raise


def http_application(settings: ServeSettings) -> Starlette:
    """Loads the models of a replica and makes its application. Raises ConfigurationError."""
    context = serve.get_replica_context()
    keys = ApiKeys(settings.api_keys) if settings.api_keys else None
    passed_on = written_here(settings.generators)
    cpus = max(1, int(ray.get_runtime_context().get_assigned_resources().get("CPU", 1)))
    own = replace(
        settings,
        # Threads for the CPUs that the replica was given, not for all that the machine has.
        encoders={name: {**of, "workers": of["workers"] or cpus} for name, of in settings.encoders.items()},
        generators={name: of for name, of in settings.generators.items() if name not in passed_on},
    )
    catalogue = Catalogue.load(own)
    for name, of in passed_on.items():
        generators = serve.get_deployment_handle(Generators.__name__, context.app_name)
        catalogue.generators[name] = PassedOnGenerator(name, of["model"], generators)
    figures = FiguresOfReplica(
        serve.get_deployment_handle(Figures.__name__, context.app_name),
        replica=context.replica_id.unique_id,
        waiting_tokens=lambda: catalogue.waiting_tokens,
    )
    made = application(catalogue, keys)
    made.state.catalogue = catalogue
    figures.put_into(made)
    return made
