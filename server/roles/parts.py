"""What builders take and hand over."""

from collections.abc import Callable, Coroutine
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from config.server import ServerSettings
from server.core.isolation import ErrorIsolation
from server.core.lateness import Lateness
from server.core.records import Records
from server.core.shard import Shard
from server.core.steady_clock import SteadyClock

Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What runs and can be asked, by name.

    Attributes:
        works: Tasks, until they are cancelled.
        checks: Whether a part works.
        notes: What people should know of a part; empty: nothing.
    """

    works: dict[str, Work] = field(default_factory=dict[str, Work])
    checks: dict[str, Callable[[], bool]] = field(default_factory=dict[str, Callable[[], bool]])
    notes: dict[str, Callable[[], str]] = field(default_factory=dict[str, Callable[[], str]])

    def add(self, other: "Parts") -> None:
        """Take over the parts of another builder."""
        self.works.update(other.works)
        self.checks.update(other.checks)
        self.notes.update(other.notes)


@dataclass(frozen=True, slots=True)
class RoleContext:
    """What every role stands on.

    Attributes:
        settings: The server's.
        clock: Its only clock.
        records: Open, with all tables.
        stack: Closes what is opened, in the opposite order.
        metrics: Figures of the process.
        isolation: Where a bug that one row meets is kept.
        lateness: Where parts say since when their oldest work waits.
        parts: Of the whole process; complete when all roles are built.
        roles: Of the process.
        shard: Whose sites it ingests.
    """

    settings: ServerSettings
    clock: SteadyClock
    records: Records
    stack: AsyncExitStack
    metrics: CollectorRegistry
    isolation: ErrorIsolation
    lateness: Lateness
    parts: Parts
    roles: AbstractSet[str]
    shard: Shard

    def condition(self) -> dict[str, Any]:
        """Return what the parts of the process say now: which work, which are late, and notes."""
        return {
            "parts": {name: works() for name, works in self.parts.checks.items()},
            "late_s": dict(self.lateness.late_s()),
            "notes": {name: text for name, note in self.parts.notes.items() if (text := note())},
        }
