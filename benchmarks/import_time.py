"""How long `import rasa_llm_components` takes in a fresh interpreter, and whether it brings torch or Rasa.

python benchmarks/import_time.py --json OUT
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

TIMES = 20
PROGRAM = """
import json, sys, time
start = time.perf_counter()
import rasa_llm_components
seconds = time.perf_counter() - start
print(json.dumps([seconds, [name for name in ("torch", "rasa") if name in sys.modules]]))
"""


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description="Time the import of the package.")
    parser.add_argument("--json", type=Path, help="write the records here")
    options = parser.parse_args()
    record = measure()
    print(f"import: median {record['import_p50_ms']} ms, best {record['import_best_ms']} ms of {TIMES}")
    if options.json:
        options.json.write_text(json.dumps([record], indent=2) + "\n")


def measure() -> dict[str, Any]:
    """One record; times in milliseconds."""
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", PROGRAM])) for _ in range(TIMES)]
    return {
        "name": "rasa-llm-components",
        "import_p50_ms": round(1000 * statistics.median(seconds for seconds, _ in runs), 1),
        "import_best_ms": round(1000 * min(seconds for seconds, _ in runs), 1),
        "heavy_modules": ", ".join(runs[0][1]) or "none",
    }


if __name__ == "__main__":
    main()
