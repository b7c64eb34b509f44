"""A machine of a Ray cluster is lost while clients ask: what they notice, and how long until all is whole again.

    python benchmarks/faults/ray_node_killed.py --json OUT [--seconds 20] [--clients 8]

The cluster is a simulated one: four nodes, all on this machine. The first holds Ray's own processes and the HTTP port;
two have a replica of the server each, on their one CPU; the fourth has room for a replica that has lost its place.
Half-way through, all processes of a node with a replica are killed at once. Clients ask in a closed loop, and ask again
within a budget when the connection breaks or the answer is a 5xx.

Ray notices killed processes by their connections, which the system closes. A machine without power closes none: then
Ray waits for some missed heartbeats first. Nor is the first node replaced here: Kubernetes does that, with KubeRay.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import socket
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.update(
    RAY_USAGE_STATS_ENABLED="0", HF_HUB_OFFLINE="1", USE_TF="0", OMP_WAIT_POLICY="passive", RAY_DEDUP_LOGS="0"
)

import httpx
import numpy as np
import psutil
import ray
from ray import serve
from ray.cluster_utils import Cluster

from rasa_llm_components.models.encoder import Encoder
from rasa_llm_components.models.registry import DEFAULT_ENCODER
from rasa_llm_components.serving.ray_serve import NAME, deployments
from rasa_llm_components.serving.settings import ServeSettings

REPLICAS = 2
_BUDGET_SECONDS = 15.0
"""Within which a client asks again."""
_ONE_TRY_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
_LONGEST_REPAIR_SECONDS = 90.0
_TITLE = f"ray::ServeReplica:{NAME}:Encoders"
_TEXTS = [f"order number {number}: " + "where is the parcel that I have waited for? " * 8 for number in range(400)]
"""More than an encoder remembers."""
_TEXTS_A_REQUEST = 4
"""So that requests are under way in a replica at almost any moment."""


@dataclass
class Clients:
    """Threads that ask, and what became of their requests."""

    address: str
    expected: np.ndarray
    stop: threading.Event = field(default_factory=threading.Event)
    answers: Counter[int] = field(default_factory=Counter)
    sent: int = 0
    wrong: int = 0
    tried_again: int = 0
    seconds: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, count: int) -> list[threading.Thread]:
        """Starts so many."""
        threads = [threading.Thread(target=self._ask_for_ever) for _ in range(count)]
        for thread in threads:
            thread.start()
        return threads

    def _ask_for_ever(self) -> None:
        with httpx.Client(timeout=_ONE_TRY_SECONDS) as client:
            while not self.stop.is_set():
                with self._lock:
                    number = self.sent
                    self.sent += 1
                self._ask(client, number)

    def _ask(self, client: httpx.Client, number: int) -> None:
        started = time.monotonic()
        texts = [(number * _TEXTS_A_REQUEST + place) % len(_TEXTS) for place in range(_TEXTS_A_REQUEST)]
        while time.monotonic() - started < _BUDGET_SECONDS:
            vectors = self._try(client, [_TEXTS[text] for text in texts])
            with self._lock:
                if vectors is not None:
                    self.answers[number] += 1
                    self.wrong += not np.allclose(vectors, self.expected[texts], atol=1e-5)
                    self.seconds.append(time.monotonic() - started)
                    return
                self.tried_again += 1
            time.sleep(_PAUSE_SECONDS)

    def _try(self, client: httpx.Client, texts: list[str]) -> np.ndarray | None:
        try:
            answer = client.post(f"{self.address}/v1/embeddings", json={"input": texts})
        except httpx.TransportError:
            return None
        if answer.status_code >= 500:
            return None
        return np.array([row["embedding"] for row in answer.raise_for_status().json()["data"]])


def main() -> None:
    """Runs it once."""
    parser = argparse.ArgumentParser(description="Kill a node of a Ray cluster under load.")
    parser.add_argument("--json", type=Path, required=True, help="file to write the record to")
    parser.add_argument("--seconds", type=float, default=20.0, help="of load (default: 20)")
    parser.add_argument("--clients", type=int, default=8, help="that ask at the same time (default: 8)")
    options = parser.parse_args()
    record = measure(options.seconds, options.clients)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps([record], indent=1) + "\n")
    print(json.dumps(record, indent=1))
    if record["failed"] or record["wrong"] or record["seconds_until_whole_again"] is None:
        sys.exit(1)


def measure(seconds: float, count: int) -> dict[str, Any]:
    """Starts the cluster, asks, kills, waits until all is whole again, and takes everything down."""
    encoder = Encoder.from_pretrained(DEFAULT_ENCODER)
    clients = Clients("", np.stack([encoder.encode([text])[0] for text in _TEXTS]))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        workers = [cluster.add_node(num_cpus=1) for _ in range(REPLICAS)]
        warnings.filterwarnings("ignore", category=FutureWarning, module="ray")
        ray.init(cluster.address, logging_level=logging.ERROR, log_to_driver=False)
        clients.address = _deploy()
        cluster.add_node(num_cpus=1)  # after the replicas have found their places, so that it is empty
        threads = clients.start(count)
        try:
            began = time.monotonic()
            time.sleep(seconds / 2)
            before = len(clients.answers)
            killed = time.monotonic()
            _kill(workers[0])
            noticed = _seconds_until(lambda running: running < REPLICAS, killed)
            whole_again = _seconds_until(lambda running: running == REPLICAS, killed)
            time.sleep(max(0.0, began + seconds - time.monotonic()))
        finally:
            clients.stop.set()
            for thread in threads:
                thread.join()
    finally:
        serve.shutdown()
        ray.shutdown()
        cluster.shutdown()
    return {
        "name": "ray_node_killed",
        "nodes": REPLICAS + 2,
        "replicas": REPLICAS,
        "clients": count,
        "texts_a_request": _TEXTS_A_REQUEST,
        "seconds": round(time.monotonic() - began, 1),
        "sent": clients.sent,
        "answered": len(clients.answers),
        "answered_before": before,
        "answered_twice": sum(times > 1 for times in clients.answers.values()),
        "wrong": clients.wrong,
        "failed": clients.sent - len(clients.answers),
        "tried_again": clients.tried_again,
        "median_seconds": round(float(np.median(clients.seconds)), 4),
        "longest_seconds": round(max(clients.seconds), 3),
        "seconds_until_noticed": noticed,
        "seconds_until_whole_again": whole_again,
    }


def _deploy(replicas: int = REPLICAS) -> str:
    """Starts the server; returns its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve.start(
        proxy_location="HeadOnly",
        http_options={"host": "127.0.0.1", "port": port},
        logging_config={"log_level": "WARNING", "enable_access_log": False},
    )
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    serve.run(deployments(ServeSettings.from_keys({}), num_replicas=replicas), name=NAME)
    return f"http://127.0.0.1:{port}"


def _kill(node: Any) -> None:
    """Kills all processes of a node, Ray's own first. Raises RuntimeError where it has no replica."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    below = raylet.children(recursive=True)
    if not any(" ".join(process.cmdline()).startswith(_TITLE) for process in below):
        raise RuntimeError("The node has no replica.")
    for process in [raylet, *below]:
        process.kill()


def _seconds_until(reached: Callable[[int], bool], since: float) -> float | None:
    """Seconds until so many replicas run, as Ray sees it; None when it took too long."""
    while (seconds := time.monotonic() - since) < _LONGEST_REPAIR_SECONDS:
        states = serve.status().applications[NAME].deployments["Encoders"].replica_states
        if reached(states.get("RUNNING", 0)):
            return round(seconds, 2)
        time.sleep(0.05)
    return None


if __name__ == "__main__":
    main()
