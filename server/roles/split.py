"""Whether the parts of a server may run in processes of their own."""

from collections.abc import Set as AbstractSet

from sqlalchemy import make_url

from config.errors import ConfigError
from config.history import EmbeddedBackend
from config.server import ServerSettings
from server.core.shard import Shard

ROLES = ("ingest", "api", "jobs")
"""ingest: broker, history and the alarms that follow from time; api: HTTP; jobs: messages."""


def is_sqlite(url: str) -> bool:
    """Return whether the records of this URL belong to one machine, which has their file."""
    return make_url(url).get_backend_name() == "sqlite"


def why_one_process(settings: ServerSettings) -> str:
    """Return what of the settings belongs to one process alone; empty: nothing."""
    reasons: list[str] = []
    if is_sqlite(settings.records.url):
        reasons.append(
            "the records are in SQLite (records.url; use postgresql+psycopg://..., "
            "plantroom server migrate moves them)"
        )
    if isinstance(settings.history.backend, EmbeddedBackend):
        reasons.append(
            "the history is embedded (history.backend; use influxdb or victoriametrics, "
            "plantroom server history export and import move it)"
        )
    return ", and ".join(reasons)


def refuse_split(settings: ServerSettings, roles: AbstractSet[str], shard: Shard) -> None:
    """Refuse a process that would share what belongs to one alone.

    Raises:
        ConfigError: The message says what has to be changed.
    """
    why = why_one_process(settings)
    if not why or (roles == set(ROLES) and shard.is_whole):
        return
    raise ConfigError(
        f"--roles {','.join(sorted(roles))} --shard {shard}: this server is one process: {why}"
    )
