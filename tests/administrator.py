"""The records of a new server with an administrator, as ``plantroom server init`` makes them.

The command itself, a process of two seconds, is what the demo and the chaos run start with.
"""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import make_url

from config.load_server import load_server
from config.server import RecordsSettings, ServerSettings
from server.core.clock import SystemClock
from server.first_user import make_administrator

USER, PASSWORD = "admin", "correct horse battery"


def make_records(server_file: Path) -> str:
    """Write the SQLite file that a server file names; return the administrator's API token."""
    content, token = _records()
    database = make_url(load_server(server_file).records.url).database
    assert database is not None
    path = Path(database)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return token


@cache
def _records() -> tuple[bytes, str]:
    with TemporaryDirectory(prefix="plantroom-records-") as name:
        file = Path(name) / "records.sqlite"
        records = RecordsSettings(url=f"sqlite:///{file}")
        settings = ServerSettings(data_dir=Path(name), records=records)
        made = make_administrator(
            settings, name=USER, password=PASSWORD, token=True, clock=SystemClock()
        )
        assert made.token is not None
        return file.read_bytes(), made.token
