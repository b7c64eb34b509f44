"""A server asks for more open files than a process begins with."""

from __future__ import annotations

import subprocess
import sys

_ASKS = """
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
from rasa_llm_components.open_files import MANY, allow_many_connections
allowed = allow_many_connections()
print(allowed, resource.getrlimit(resource.RLIMIT_NOFILE)[0], min(hard, MANY) if hard > 0 else MANY)
"""


def test_as_many_as_the_system_allows() -> None:
    done = subprocess.run([sys.executable, "-c", _ASKS], capture_output=True, text=True, check=True)
    told, allowed, wanted = map(int, done.stdout.split())
    assert told == allowed == wanted
