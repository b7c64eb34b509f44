"""Every requirement of setup.cfg has its line of reasons."""

import configparser
import re
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(REPOSITORY / "setup.cfg")
PAGE = (REPOSITORY / "docs" / "dependencies.md").read_text()


def declared():
    options = [SETUP["options"]["install_requires"], *SETUP["options.extras_require"].values()]
    lines = [line.strip() for option in options for line in option.splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_every_requirement_is_explained_and_nothing_else():
    explained = set(re.findall(r"^\| `([^`]+)` \|", PAGE, re.M))
    assert {requirement.name for requirement in declared()} == explained


def test_every_requirement_has_a_lower_bound():
    without = ("types-PyYAML", "rasa-llm-components")
    assert [r.name for r in declared() if r.name not in without and not re.search(r">=|==", str(r.specifier))] == []
