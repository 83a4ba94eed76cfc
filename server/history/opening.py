"""Opens the history that the server file names."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry

from config.errors import ConfigError
from config.history import EmbeddedBackend, HistorySettings, InfluxBackend, VictoriaBackend
from server.core.clock import Clock
from server.core.errors import StoreAwayError, StoreError
from server.history.base import History
from server.history.duckdb import DuckHistory
from server.history.packed import PackedHistory
from server.history.series_tags import UNKNOWN, Describe
from server.history.shared import SharedHistory

_log = structlog.get_logger()


class StoredHistory(History, PackedHistory, Protocol):
    """A history for a server: it also answers a process of readers."""


_Make = Callable[[Describe, Clock, CollectorRegistry], SharedHistory]


def open_history(
    settings: HistorySettings, *, describe: Describe, clock: Clock, metrics: CollectorRegistry
) -> StoredHistory:
    """Return the history, checked; a server that is away is looked at when it is needed.

    Args:
        settings: The section ``history`` of the server file.
        describe: Names series for stores that others read as well, and says their classes.
        clock: Measures the pauses for which a server asks.
        metrics: Where readings are counted that a server drops.

    Raises:
        ConfigError: A file or a package that it needs is missing.
        StoreError: The store is not made to keep the history.
    """
    make = _maker(settings)
    if make is None:
        return DuckHistory(
            settings.path,
            memory_limit_mb=settings.memory_limit_mb,
            retention_days=settings.retention_days,
            keep=settings.keep,
            describe=describe,
        )
    history = make(describe, clock, metrics)
    try:
        history.check(lengthen=True)
    except StoreAwayError as error:
        _log.error("history_away", error=str(error))
        history.check_later()
    except StoreError:
        history.close()
        raise
    return history


def try_history(settings: HistorySettings, clock: Clock) -> str:
    """Connect to the store without a change to it; return in words what is there.

    The embedded store is not opened: a server that runs has locked it.

    Raises:
        ConfigError: As ``open_history``.
        StoreError: It cannot be reached, or is not made to keep the history.
    """
    make = _maker(settings)
    if make is None:
        return ""
    history = make(lambda _: UNKNOWN, clock, CollectorRegistry())
    try:
        return history.check(lengthen=False)
    finally:
        history.close()


def newest_stored(history: History) -> int | None:
    """Return the newest reading of all, UTC ms; None: there is none.

    Raises:
        StoreError: The store cannot be read now.
    """
    return max((one.taken_at for one in history.last_values()), default=None)


def _maker(settings: HistorySettings) -> _Make | None:
    """Return what connects to the server that keeps the history; None: it is embedded.

    Raises:
        ConfigError: A file or a package that it needs is missing.
    """
    # What only one of them needs is installed and loaded only where it is used.
    match settings.backend:
        case EmbeddedBackend():
            return None
        case InfluxBackend() as influx:
            try:
                from server.history.influx import InfluxHistory  # noqa: PLC0415
            except ModuleNotFoundError as error:
                raise ConfigError(
                    f"history.backend influxdb needs {error.name}: "
                    "pip install 'plantroom[influxdb]'"
                ) from error
            token = _token(influx.token_file)
            return lambda describe, clock, metrics: InfluxHistory(
                influx,
                token=token,
                describe=describe,
                clock=clock,
                metrics=metrics,
                retention_days=settings.retention_days,
            )
        case VictoriaBackend() as victoria:
            from server.history.victoria import VictoriaHistory  # noqa: PLC0415

            token = _token(victoria.token_file)
            return lambda describe, clock, metrics: VictoriaHistory(
                victoria,
                token=token,
                describe=describe,
                clock=clock,
                metrics=metrics,
                retention_days=settings.retention_days,
            )


def _token(path: Path | None) -> str:
    return "" if path is None else _secret(path)


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
