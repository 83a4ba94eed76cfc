"""Where it is kept what devices do not give, so that a restart need not search for it again."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any, Final, Protocol

import structlog

from config.gateway import ResolvedDevice
from config.point_kinds import AnyPoint
from config.writable import Writable
from edge_agent.drivers.question import ALL_AVAILABLE, Barrier, Unavailable
from edge_agent.polling import availability_format
from edge_agent.polling.availability_format import Entry

_LATER_OPTIONS: Final = ("enum_from", "among")
_NOT_READ: Final = {"state_words": True}
"""What changes nothing of what is asked for."""
_LATER_OF_WRITABLE: Final = {"address", "table", "registers", "codes", "unlock"}
_DEFAULT_WRITABLE: Final = {
    name: Writable.model_fields[name].get_default() for name in _LATER_OF_WRITABLE
}
log = structlog.get_logger()


class AvailabilityStore(Protocol):
    """Keeps what was found of each device, for as long as its points stay the same."""

    def load(self, device: str, points_digest: str) -> Unavailable:
        """Return what is known; nothing if the points are others than they were."""
        ...

    def keep(self, device: str, points_digest: str, unavailable: Unavailable) -> None:
        """Replace what is known of the device. Called from the event loop: must not block."""
        ...


class MemoryAvailability:
    """Kept while the process runs, in the form in which a file keeps it."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def load(self, device: str, points_digest: str) -> Unavailable:
        """Return what is known; nothing if the points are others than they were."""
        entry = self._entries.get(device)
        if entry is None or entry.digest != points_digest:
            return ALL_AVAILABLE
        barriers = {Barrier(space, address): why for space, address, why in entry.barriers}
        return Unavailable(dict(entry.points), barriers, entry.longest)

    def keep(self, device: str, points_digest: str, unavailable: Unavailable) -> None:
        """Replace what is known of the device."""
        if unavailable == ALL_AVAILABLE:
            self._entries.pop(device, None)
            return
        barriers = unavailable.barriers.items()
        self._entries[device] = Entry(
            digest=points_digest,
            points=dict(sorted(unavailable.points.items())),
            barriers=sorted((at.space, at.address, why) for at, why in barriers),
            longest=unavailable.longest,
        )

    def dump(self) -> str:
        """Return everything that is known as JSON."""
        return availability_format.written(self._entries)

    def restore(self, text: str) -> None:
        """Take over what ``dump`` returned, or the version before it wrote.

        Raises:
            ValueError: It is neither.
        """
        self._entries = availability_format.read(text)


class AvailabilityFile(MemoryAvailability):
    """Kept in a small file; one that is damaged or missing costs a search for each device.

    ``keep`` only remembers; ``run`` writes.

    Args:
        path: The file.
        before: Where the version before wrote it; taken over when there is no ``path`` yet.
    """

    def __init__(self, path: Path, *, before: Path | None = None) -> None:
        super().__init__()
        self._path = path
        self._before = before
        self._news = asyncio.Event()
        for place in (path, before):
            if place is not None and place.exists():
                self._read(place)
                break

    def keep(self, device: str, points_digest: str, unavailable: Unavailable) -> None:
        """Replace what is known of the device."""
        super().keep(device, points_digest, unavailable)
        self._news.set()

    async def run(self) -> None:
        """Write whenever something was found, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.to_thread(self.save)

    def close(self) -> None:
        """Write what ``run`` did not come to."""
        if self._news.is_set():
            self.save()

    def save(self) -> None:
        """Write the file; a disk that refuses is logged, and costs a search after a restart."""
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(self.dump())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            if self._before is not None:
                self._before.unlink(missing_ok=True)
        except OSError as error:
            path, formerly = str(self._path), "holes_not_kept"
            log.warning("availability_not_kept", path=path, error=str(error), formerly=formerly)

    def _read(self, path: Path) -> None:
        try:
            self.restore(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            log.warning(
                "availability_unreadable",
                path=str(path),
                error=str(error),
                formerly="holes_unreadable",
            )


def points_digest(device: ResolvedDevice) -> str:
    """Return what the availability depends on: the device file as applied, and who answers."""
    if device.points_digest:
        return device.points_digest
    points = sorted((name, _as_first_kept(point)) for name, point in device.points.items())
    found = (device.port, device.unit, device.profile, device.limits.model_dump_json(), points)
    if device.dialect:
        found = (*found, device.dialect)
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def _as_first_kept(point: AnyPoint) -> str:
    """Return a point without the options that came later and are not used: it means the same."""
    left_out: dict[str, Any] = {
        name: True for name in _LATER_OPTIONS if not getattr(point, name, None)
    }
    if point.writable is not None:
        left_out["writable"] = {
            name
            for name in _LATER_OF_WRITABLE
            if getattr(point.writable, name) == _DEFAULT_WRITABLE[name]
        }
    return point.model_dump_json(exclude=left_out | _NOT_READ)
