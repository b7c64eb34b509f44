"""spaCy is kept from importing torch, unless it is to run on it or torch is there anyway."""

import subprocess
import sys

import pytest

KEEP = "from rasa_llm_components.spacy_without_torch import keep_spacy_from_torch; keep_spacy_from_torch(); "
ASK = "import sys; import spacy; from thinc import compat; print('torch' in sys.modules, compat.has_torch)"


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ("", ["True", "True"]),
        (KEEP, ["False", "False"]),
        (KEEP + KEEP, ["False", "False"]),
        ("import torch; " + KEEP, ["True", "True"]),
        (KEEP + "import torch; ", ["True", "True"]),
    ],
)
def test_torch_is_imported_only_by_who_needs_it(before: str, found: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", before + ASK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == found


def test_a_pipeline_that_runs_on_torch_is_left_alone(tmp_path) -> None:
    (tmp_path / "spacy_transformers").mkdir()
    (tmp_path / "spacy_transformers" / "__init__.py").touch()
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {KEEP}{ASK}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
