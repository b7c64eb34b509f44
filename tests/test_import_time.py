"""Importing the package costs next to nothing: who uses one room does not pay for the others."""

import subprocess
import sys

HEAVY = ("torch", "rasa", "transformers", "spacy", "tensorflow", "sklearn", "numpy")


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    program = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def seconds_of_import() -> float:
    program = "import time; start = time.perf_counter(); import rasa_llm_components; print(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)


def test_importing_the_package_loads_nothing_heavy():
    assert not modules_after("import rasa_llm_components") & set(HEAVY)


def test_importing_the_command_line_loads_nothing_heavy():
    assert not modules_after("import rasa_llm_components.cli") & set(HEAVY)


def test_the_import_takes_less_than_50_milliseconds():
    assert min(seconds_of_import() for _ in range(5)) < 0.05


def test_the_rooms_below_rasa_do_not_import_it():
    rooms = "import rasa_llm_components.models.encoder, rasa_llm_components.models.registry"
    assert "rasa" not in modules_after(rooms)
