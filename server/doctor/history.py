"""The history: reachable, how far it goes, what was damaged, how long the disk lasts."""

import shutil
from collections.abc import Generator

from config.history import EmbeddedBackend, HistorySettings
from config.server import ServerSettings
from server.control.visitor import Visitor
from server.core.clock import Clock
from server.core.errors import StoreError
from server.core.instant import rfc3339
from server.doctor.finding import Finding, bad, of_space, ok, warn
from server.history.glance import glance_at, newest_in
from server.history.opening import try_history

_QUIET_MS = 3_600_000
_TRY_S = 30.0


def look_at_history(
    settings: ServerSettings, server: Visitor | None, clock: Clock
) -> Generator[Finding]:
    """Yield what is there.

    Raises:
        ConfigError: A file that the store needs is missing.
        StoreError: It cannot be reached.
    """
    if isinstance(settings.history.backend, EmbeddedBackend):
        yield from _embedded(settings.history, server, clock)
    else:
        yield ok("history", try_history(settings.history, clock))
        if server is not None:
            yield _newest(server.ask("newest", {}, timeout_s=_TRY_S).head["at"], clock)
    yield from _disks(settings)


def _embedded(
    settings: HistorySettings, server: Visitor | None, clock: Clock
) -> Generator[Finding]:
    found = glance_at(settings.path)
    if found.aside:
        yield bad(
            "history",
            f"damaged files were moved aside in {settings.path}: {', '.join(found.aside)}",
            "their readings are missing: put them back from a backup if you can "
            "(docs/backup.md), then move the files away",
        )
    since = "none" if found.oldest_ms is None else rfc3339(found.oldest_ms)[:10]
    size = (found.database_bytes + sum(found.days.values())) / 1e6
    text = f"embedded store in {settings.path}: {size:,.1f} MB"
    yield ok("history", f"{text}, {len(found.days)} past days, the oldest {since}")
    if server is not None:
        newest = server.ask("newest", {}, timeout_s=_TRY_S).head["at"]
    else:
        newest = newest_in(settings.path)
    yield _newest(newest, clock)


def _newest(at: int | None, clock: Clock) -> Finding:
    if at is None:
        return warn("history", "holds no reading yet", "enrol a gateway: docs/install.md")
    text = f"newest reading {rfc3339(at)}"
    if clock.now_ms() - at > _QUIET_MS:
        return warn("history", text, "nothing has come for an hour: see broker and gateways")
    return ok("history", text)


def _disks(settings: ServerSettings) -> Generator[Finding]:
    embedded = isinstance(settings.history.backend, EmbeddedBackend)
    history = settings.history.path
    if embedded and history.is_dir():
        try:
            found = glance_at(history)
            space = shutil.disk_usage(history)
        except OSError as error:
            raise StoreError(f"{history}: {error.strerror}") from error
        yield of_space(
            "disk",
            str(history),
            free=space.free,
            whole=space.total,
            per_day=found.bytes_per_day,
            days_to_come=max(0, settings.history.retention_days - len(found.days)),
        )
    data = settings.data_dir
    if data.is_dir() and (not embedded or not _same_disk(settings)):
        space = shutil.disk_usage(data)
        yield of_space(
            "disk", str(data), free=space.free, whole=space.total, per_day=0, days_to_come=0
        )


def _same_disk(settings: ServerSettings) -> bool:
    history = settings.history.path
    return history.is_dir() and history.stat().st_dev == settings.data_dir.stat().st_dev
