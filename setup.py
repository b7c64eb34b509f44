"""The one step of the build that setup.cfg can't say: the web chat's page takes a bundle from npm.

The repository holds the page's own files and a lock file; the wheel holds the bundle too.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PAGE = Path(__file__).parent / "rasa_llm_components" / "channels" / "page"
BUNDLE = PAGE / "vendor" / "deepChat.bundle.js"


class BuildPyWithPage(build_py):
    """Fetches the bundle if it is missing, before setuptools collects the package's files."""

    def run(self) -> None:
        """Runs for wheels and for editable installs alike."""
        if not BUNDLE.is_file():
            fetch_bundle()
        super().run()


def fetch_bundle() -> None:
    """Run npm; without it the package still installs, and the channel says at its start what is missing."""
    npm = shutil.which("npm")
    by_hand = f"npm ci --prefix {PAGE} && npm run --prefix {PAGE} build"
    if npm is None:
        sys.stderr.write(f"warning: npm is missing, so the web chat's page is incomplete. Later: {by_hand}\n")
        return
    try:
        for command in (["ci"], ["run", "build"]):
            subprocess.run([npm, *command], cwd=PAGE, check=True)
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"warning: {error}, so the web chat's page is incomplete. Later: {by_hand}\n")


setup(cmdclass={"build_py": BuildPyWithPage})
