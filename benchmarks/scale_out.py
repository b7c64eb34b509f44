"""Two replicas of the model server on two simulated machines of one core each, against one.

    python benchmarks/scale_out.py --data DIR --json OUT [--seconds S] [--rounds N]

`DIR` is intent/banking77. A Ray cluster is simulated on this machine: the first node has Ray's own processes and the
HTTP port, each further one a replica, whose process is kept on a core of its own. Clients send requests of 16 texts in
a closed loop, from a process of their own (`http_load.py`): single sentences, and passages of eight sentences each.
Where the machine has no more cores than replicas, Ray, the proxy and the clients take their time from the second
replica's core: the ratio is less than that of real machines.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.update(RAY_USAGE_STATS_ENABLED="0", HF_HUB_OFFLINE="1", USE_TF="0", OMP_WAIT_POLICY="passive")

import numpy as np
import psutil
import ray
from faults.ray_node_killed import _TITLE, _deploy
from ratio_record import ratio_record
from ray import serve
from ray.cluster_utils import Cluster
from serving import loaded

EACH = 16
"""Texts a request."""
CLIENTS = {"sentences": 16, "passages": 8}
"""A replica: enough to keep it busy, not so many that it refuses some."""


def main() -> None:
    """Measures one and two by turns, prints and writes the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="the folder intent/banking77")
    parser.add_argument("--json", type=Path, help="write the record here")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=2, help="of each; the median counts (default: 2)")
    options = parser.parse_args()
    sentences = (options.data / "test" / "seq.in").read_text(encoding="utf-8").splitlines()
    passages = [" ".join(sentences[start : start + 8]) for start in range(0, len(sentences) - 8, 2)]
    kinds = {"sentences": sentences, "passages": passages}
    rates: dict[tuple[str, int], list[float]] = {(kind, count): [] for kind in kinds for count in (1, 2)}
    for _ in range(options.rounds):
        for replicas in (1, 2):
            with running(replicas) as address:
                for kind, texts in kinds.items():
                    loaded(address, texts, seconds=3, each=EACH, clients=8)
                    found = loaded(address, texts, seconds=options.seconds, each=EACH, clients=CLIENTS[kind] * replicas)
                    rates[kind, replicas].append(found["per_second"] * EACH)
                    print(f"{replicas}, {kind}: {found}", flush=True)
    records = []
    for kind in kinds:
        one, two = (float(np.median(rates[kind, replicas])) for replicas in (1, 2))
        unit = f"{kind}/s, {EACH} a request"
        records.append({**ratio_record("scale_out", two, unit, "one replica", one), "cores": os.cpu_count()})
        print(json.dumps(records[-1]))
    if options.json:
        options.json.write_text(json.dumps(records, indent=2) + "\n", encoding="utf-8")


@contextmanager
def running(replicas: int) -> Iterator[str]:
    """The cluster; gives its address."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(replicas):
            cluster.add_node(num_cpus=1)
        ray.init(cluster.address, log_to_driver=False)
        address = _deploy(replicas)
        for core, process in enumerate(_replicas(replicas)):
            process.cpu_affinity([core])
            for thread in process.threads():
                os.sched_setaffinity(thread.id, [core])
        yield address
    finally:
        serve.shutdown()
        ray.shutdown()
        cluster.shutdown()


def _replicas(count: int) -> list[Any]:
    end = time.monotonic() + 30
    while True:
        found = [
            one for one in psutil.process_iter(["cmdline"]) if " ".join(one.info["cmdline"] or []).startswith(_TITLE)
        ]
        if len(found) == count or time.monotonic() > end:
            return found
        time.sleep(0.2)


if __name__ == "__main__":
    main()
