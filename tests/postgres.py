"""A PostgreSQL of the tests' own, in a temporary folder on a free loopback port."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from plantroom.processes import free_port

VARIABLE = "PLANTROOM_TEST_POSTGRES"


def _programs() -> Path:
    """The folder of initdb and pg_ctl; Debian keeps it out of the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        message = "PostgreSQL is not installed: apt-get install postgresql"
        raise FileNotFoundError(message)
    return folders[-1]


def _as_owner() -> list[str]:
    """PostgreSQL refuses to run as root: become its user then."""
    if os.geteuid() != 0:
        return []
    pwd.getpwnam("postgres")
    return ["runuser", "-u", "postgres", "--"]


@contextmanager
def temporary_postgres() -> Generator[str]:
    """Start a server, yield its SQLAlchemy URL, stop it and delete everything."""
    programs, prefix, port = _programs(), _as_owner(), free_port()
    with tempfile.TemporaryDirectory(prefix="plantroom-postgres-") as name:
        folder = Path(name)
        data = folder / "data"
        if prefix:
            shutil.chown(folder, "postgres")
        settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _call(prefix, programs / "initdb", "-D", data, "-A", "trust", "-U", "plantroom")
        _call(
            prefix,
            programs / "pg_ctl",
            "-D",
            data,
            "-w",
            "-l",
            folder / "log",
            "-o",
            settings,
            "start",
        )
        try:
            yield f"postgresql+psycopg://plantroom@127.0.0.1:{port}/postgres"
        finally:
            _call(prefix, programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def _call(prefix: list[str], *command: object) -> None:
    words = prefix + [str(word) for word in command]
    done = subprocess.run(
        words, check=False, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if done.returncode:
        message = f"{' '.join(words)} failed: {done.stderr.decode()}"
        raise RuntimeError(message)
