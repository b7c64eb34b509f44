"""`scripts/install_environment.sh` on machines that lack something: one line that says what to do, and nothing made."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "install_environment.sh"
TOOLS = ("bash", "env", "df", "awk", "ls", "mktemp", "rm", "dirname", "sleep", "touch", "tail")
EMPTY_SHELL = "#!/bin/sh\necho 'python3.10: command not found' >&2\nexit 127\n"
SMALL_DISK = "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available'\necho '/dev/vda 9000000 5000000 4000000'\n"


@pytest.fixture
def machine(tmp_path):
    """A machine with a few tools, a version manager's empty python3.10, and a clone of the repository's script."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        (programs / tool).symlink_to(shutil.which(tool))
    provide(programs / "python3.10", EMPTY_SHELL)
    (tmp_path / "clone" / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, tmp_path / "clone" / "scripts")
    return tmp_path


def provide(program, text):
    program.unlink(missing_ok=True)
    program.write_text(text)
    program.chmod(0o755)


def install(machine):
    environment = {"PATH": str(machine / "bin"), "HOME": str(machine), "PYENV_ROOT": str(machine / "pyenv")}
    script = machine / "clone" / "scripts" / SCRIPT.name
    return subprocess.run([script, "example"], env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.skipif(Path("/usr/local/bin/python3.10").exists(), reason="this machine has a Python 3.10 there")
def test_without_python_3_10_it_says_how_to_get_it(machine):
    finished = install(machine)
    assert finished.returncode == 1
    assert len(finished.stderr.splitlines()) == 1
    assert "No Python 3.10" in finished.stderr
    assert "python3.10-venv" in finished.stderr
    assert not (machine / "clone" / ".venv").exists()


def test_without_disk_space_it_says_how_much_is_needed(machine):
    provide(machine / "bin" / "df", SMALL_DISK)
    finished = install(machine)
    assert finished.returncode == 1
    assert len(finished.stderr.splitlines()) == 1
    assert "9 GB are needed here and 3 GB are free" in finished.stderr
    assert not (machine / "clone" / ".venv").exists()


def test_an_empty_shell_on_path_is_passed_over_for_a_python_that_runs(machine):
    versions = machine / "pyenv" / "versions" / "3.10.99" / "bin"
    versions.mkdir(parents=True)
    python = f'#!/bin/sh\n[ "$1 $2" = "-m venv" ] && echo "$0 makes it" && exit 7\nexec "{sys.executable}" "$@"\n'
    provide(versions / "python", python)
    finished = install(machine)
    assert f"{versions}/python makes it" in finished.stdout
    assert finished.returncode == 7
