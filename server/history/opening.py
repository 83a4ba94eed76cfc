"""Opens the history that the server file names."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from prometheus_client import CollectorRegistry

from config.errors import ConfigError
from config.history import HistorySettings, InfluxBackend
from server.core.clock import Clock
from server.core.errors import StoreError
from server.history.base import History
from server.history.duckdb import DuckHistory
from server.history.packed import PackedHistory
from server.history.series_tags import UNKNOWN, Describe

if TYPE_CHECKING:
    from server.history.influx import InfluxHistory


class StoredHistory(History, PackedHistory, Protocol):
    """A history for a server: it also answers a process of readers."""


def open_history(
    settings: HistorySettings, *, describe: Describe, clock: Clock, metrics: CollectorRegistry
) -> StoredHistory:
    """Return the history, checked and ready.

    Args:
        settings: The section ``history`` of the server file.
        describe: Names series for stores that others read as well.
        clock: Measures the pauses for which a server asks.
        metrics: Where readings are counted that a server drops.

    Raises:
        ConfigError: A file or a package that it needs is missing.
        StoreError: The store cannot be reached, or is not made to keep the history.
    """
    if isinstance(settings.backend, InfluxBackend):
        return _open_influx(
            settings, settings.backend, describe=describe, clock=clock, metrics=metrics
        )
    return DuckHistory(
        settings.path,
        memory_limit_mb=settings.memory_limit_mb,
        retention_days=settings.retention_days,
    )


def try_history(settings: HistorySettings, clock: Clock) -> str:
    """Connect to the store without a change to it; return in words what is there.

    The embedded store is not opened: a server that runs has locked it.

    Raises:
        ConfigError: As ``open_history``.
        StoreError: As ``open_history``.
    """
    if not isinstance(settings.backend, InfluxBackend):
        return ""
    history = _new_influx(
        settings,
        settings.backend,
        describe=lambda _: UNKNOWN,
        clock=clock,
        metrics=CollectorRegistry(),
    )
    try:
        return history.check(lengthen=False)
    finally:
        history.close()


def _open_influx(
    settings: HistorySettings,
    backend: InfluxBackend,
    *,
    describe: Describe,
    clock: Clock,
    metrics: CollectorRegistry,
) -> StoredHistory:
    history = _new_influx(settings, backend, describe=describe, clock=clock, metrics=metrics)
    try:
        history.check(lengthen=True)
    except StoreError:
        history.close()
        raise
    return history


def _new_influx(
    settings: HistorySettings,
    backend: InfluxBackend,
    *,
    describe: Describe,
    clock: Clock,
    metrics: CollectorRegistry,
) -> "InfluxHistory":
    # Its client is installed and loaded only where it is used.
    try:
        from server.history.influx import InfluxHistory  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"history.backend influxdb needs {error.name}: pip install 'plantroom[influxdb]'"
        ) from error
    token = "" if backend.token_file is None else _secret(backend.token_file)
    return InfluxHistory(
        backend,
        token=token,
        describe=describe,
        clock=clock,
        metrics=metrics,
        retention_days=settings.retention_days,
    )


def _secret(path: Path) -> str:
    """Return the one line of a file that only its owner may read.

    Raises:
        ConfigError: It is missing, empty, or others may read it.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} (history.backend.token_file): {error}") from error
    if mode & 0o077:
        message = f"mode {mode:o} lets others read it; expected 600: chmod 600 {path}"
        raise ConfigError(f"{path} (history.backend.token_file): {message}")
    if not text or len(text.split()) != 1:
        raise ConfigError(f"{path} (history.backend.token_file): expected one token in one line")
    return text
