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
    """Write the SQLite file that a server file names; return the administrator's API token.

    On a PostgreSQL the tables and the administrator are made there.
    """
    settings = load_server(server_file)
    place = make_url(settings.records.url)
    if place.get_backend_name() != "sqlite":
        return _make_administrator(settings)
    content, token = _records()
    assert place.database is not None
    path = Path(place.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return token


@cache
def _records() -> tuple[bytes, str]:
    with TemporaryDirectory(prefix="plantroom-records-") as name:
        file = Path(name) / "records.sqlite"
        records = RecordsSettings(url=f"sqlite:///{file}")
        settings = ServerSettings(data_dir=Path(name), records=records)
        token = _make_administrator(settings)
        return file.read_bytes(), token


def _make_administrator(settings: ServerSettings) -> str:
    made = make_administrator(
        settings, name=USER, password=PASSWORD, token=True, clock=SystemClock()
    )
    assert made.token is not None
    return made.token
