"""What a bucket has to be like, looked at before readings go into it."""

import re
from datetime import timedelta

import structlog

from server.core.errors import StoreError
from server.history.influx_connection import InfluxConnection

_PARTS = re.compile(r"(\d+)(w|d|h|m|s)")
_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_log = structlog.get_logger()


def check_bucket(connection: InfluxConnection, *, retention_days: int, lengthen: bool) -> str:
    """Return in words what is there: version, bucket, and how long it keeps readings.

    A bucket that keeps readings for a shorter time than it should is given that time. A longer
    time is never shortened, since that would delete what is there; it is told.

    Args:
        connection: Open.
        retention_days: Days to keep.
        lengthen: False: only say what is wrong.

    Raises:
        StoreError: Nobody answers, there is no such bucket, or it forgets too early.
    """
    version = connection.version()
    keep = timedelta(days=retention_days)
    policy = ""
    if version.startswith("1."):
        policy, kept_s = _policy(connection)
    elif version.startswith("2."):
        kept_s = connection.bucket_retention_s()
        if kept_s is None:
            raise StoreError(
                f"InfluxDB {version} has no bucket {connection.bucket!r}, or the token may not see "
                f"it: influx bucket create --name {connection.bucket} --retention {retention_days}d"
            )
    else:
        return f"InfluxDB {version}, {connection.bucket}; how long it keeps readings is not checked"
    about = f"InfluxDB {version}, {connection.bucket}"
    if 0 < kept_s < keep.total_seconds():
        days = f"{kept_s / 86_400:g} days"
        if not lengthen:
            return f"{about} keeps {days}; at the start this is made {retention_days} days"
        _lengthen(connection, policy, keep)
        _log.info("history_retention_set", bucket=connection.bucket, days=retention_days)
        kept_s = int(keep.total_seconds())
    if kept_s == 0:
        return f"{about} deletes nothing; history.retention_days {retention_days} only hides it"
    return f"{about} keeps {kept_s / 86_400:g} days"


def _policy(connection: InfluxConnection) -> tuple[str, int]:
    """Return the policy by which 1.x keeps readings, and how long, seconds; 0: for ever."""
    known = [str(row[0]) for row in _rows(connection, "SHOW DATABASES")]
    if connection.database not in known:
        raise StoreError(
            f"InfluxDB has no database {connection.database!r}; there are: "
            f"{', '.join(sorted(known)) or 'none'}; make it: "
            f'CREATE DATABASE "{connection.database}"'
        )
    policies = {
        str(name): (duration, default)
        for name, duration, *_, default in _rows(
            connection, f'SHOW RETENTION POLICIES ON "{connection.database}"'
        )
    }
    for name, (duration, default) in policies.items():
        if name == connection.policy or (default and not connection.policy):
            seconds = sum(int(n) * _SECONDS[unit] for n, unit in _PARTS.findall(str(duration)))
            return str(name), seconds
    raise StoreError(
        f"InfluxDB's database {connection.database!r} has no retention policy "
        f"{connection.policy or 'that is its default'!r}; there are: {', '.join(sorted(policies))}"
    )


def _lengthen(connection: InfluxConnection, policy: str, keep: timedelta) -> None:
    """Give a policy of 1.x, or the bucket where there is none, that time."""
    if not policy:
        connection.set_bucket_retention(keep)
        return
    connection.ask(
        [f'ALTER RETENTION POLICY "{policy}" ON "{connection.database}" DURATION {keep.days}d']
    )


def _rows(connection: InfluxConnection, statement: str) -> list[list[object]]:
    (answer,) = connection.ask([statement])
    return [row for one in answer for row in one.values]
