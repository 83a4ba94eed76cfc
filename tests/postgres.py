"""A PostgreSQL of the tests' own, in a temporary folder on a free loopback port."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from plantroom.processes import free_port
from tests.process_tree import children

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


class Postgres:
    """A server with its data in a folder, which is killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._programs, self._prefix, self._port = _programs(), _as_owner(), free_port()
        if self._prefix:
            shutil.chown(folder, "postgres")
        self._call("initdb", "-D", self._data, "-A", "trust", "-U", "plantroom")

    @property
    def url(self) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://plantroom@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = self._folder / "log"
        self._call("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", settings, "start")

    def stop(self) -> None:
        """End it at once, whatever it does; may be repeated."""
        if (self._data / "postmaster.pid").exists():
            self._call("pg_ctl", "-D", self._data, "-m", "immediate", "stop")

    def kill(self) -> None:
        """End all of its processes with SIGKILL."""
        processes = self.send_signal(signal.SIGKILL)
        while any(Path(f"/proc/{process}").exists() for process in processes):
            time.sleep(0.01)

    def send_signal(self, number: int) -> list[int]:
        """Stop all of its processes, let them go on or end them; return which they were."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        processes = [pid, *children(pid)]
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)
        return processes

    def _call(self, program: str, *arguments: object) -> None:
        words = [*self._prefix, str(self._programs / program), *map(str, arguments)]
        done = subprocess.run(
            words, check=False, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        if done.returncode:
            message = f"{' '.join(words)} failed: {done.stderr.decode()}"
            raise RuntimeError(message)


@contextmanager
def temporary_postgres() -> Generator[str]:
    """Start a server, yield its SQLAlchemy URL, stop it and delete everything."""
    with tempfile.TemporaryDirectory(prefix="plantroom-postgres-") as name:
        server = Postgres(Path(name))
        server.start()
        try:
            yield server.url
        finally:
            server.stop()
