"""The example bot's shop on real databases: a SQLite file, and a PostgreSQL cluster of the tests' own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

BOT = Path(__file__).resolve().parents[2] / "example_bot"
sys.path.insert(0, str(BOT))

from actions import desk  # noqa: E402
from actions.shop.database import connect  # noqa: E402
from actions.shop.fill import fill  # noqa: E402

from tests.example_bot.demo_day import TODAY  # noqa: E402


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def postgresql_address():
    """The address of a PostgreSQL server that lives as long as the tests; root can't run one, so `postgres` does."""
    programs = _postgresql_programs()
    if programs is None:
        pytest.skip("no PostgreSQL binaries here: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))  # pytest's own folders are closed to other users
    prefix = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        prefix = ["runuser", "-u", "postgres", "--"]

    def run(program, *arguments):
        command = [*prefix, str(programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, cwd=folder)

    data = str(folder / "data")
    run("initdb", "-D", data, "-U", "shop", "--auth", "trust", "--no-sync")
    port = _free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
    run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    yield f"postgresql://shop@127.0.0.1:{port}/postgres"
    run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    shutil.rmtree(folder)


def _postgresql_programs():
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


@pytest.fixture
def postgresql(postgresql_address):
    """A filled shop in PostgreSQL, empty of everything that earlier tests wrote."""
    engine = connect(postgresql_address)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    fill(engine, TODAY)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path):
    """A filled shop in a SQLite file."""
    address = f"sqlite:///{tmp_path / 'shop.db'}"
    fill(connect(address, create=True), TODAY)
    return connect(address)


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request):
    """A filled shop in each kind of database."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def desk_with(monkeypatch):
    """Gives the actions another database, and today's date of the demo shop."""

    def use(engine):
        monkeypatch.setattr(desk, "engine", lambda: engine)
        for module in ("order_status", "cancel_order", "return_order", "change_address", "people"):
            monkeypatch.setattr(f"actions.{module}.now", lambda: TODAY)
        return engine

    return use
