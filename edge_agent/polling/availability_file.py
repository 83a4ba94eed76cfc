"""What devices refuse, in a small file beside the journal."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, cast

import structlog

from config.points import Table
from edge_agent.polling.plan import NOTHING, Learned

log = structlog.get_logger()


class AvailabilityFile:
    """Holes that a restart need not learn again; a damaged or missing file costs one lesson.

    ``keep`` only remembers; ``run`` writes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _read(path)
        self._news = asyncio.Event()

    def load(self, device: str, points_digest: str) -> Learned:
        """Return what is known; nothing if the points are others than they were."""
        digest, learned = self._known.get(device, ("", NOTHING))
        return learned if digest == points_digest else NOTHING

    def keep(self, device: str, points_digest: str, learned: Learned) -> None:
        """Replace what is known of the device."""
        self._known[device] = (points_digest, learned)
        self._news.set()

    async def run(self) -> None:
        """Write whenever something was learned, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            await asyncio.to_thread(self.save)

    def close(self) -> None:
        """Write what ``run`` did not come to."""
        if self._news.is_set():
            self.save()

    def save(self) -> None:
        """Write the file; a disk that refuses is said, and costs a lesson after a restart."""
        said = {
            device: {
                "points": digest,
                "holes": sorted(learned.unavailable),
                "barriers": sorted([table.value, address] for table, address in learned.barriers),
                "reasons": dict(sorted(learned.reasons)),
                "longest": learned.longest,
            }
            for device, (digest, learned) in sorted(self._known.items())
            if learned != NOTHING
        }
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump(said, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            log.warning("holes_not_kept", path=str(self._path), error=str(error))


def _read(path: Path) -> dict[str, tuple[str, Learned]]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {device: _entry(entry) for device, entry in said.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        log.warning("holes_unreadable", path=str(path), error=str(error))
        return {}


def _entry(entry: Any) -> tuple[str, Learned]:  # noqa: ANN401 (JSON of whoever wrote the file)
    barriers = cast("list[tuple[str, int]]", entry["barriers"])
    learned = Learned(
        frozenset(map(str, entry["holes"])),
        frozenset((Table(table), int(address)) for table, address in barriers),
        # Files of earlier versions have neither.
        frozenset((str(hole), str(why)) for hole, why in entry.get("reasons", {}).items()),
        int(entry.get("longest", 0)),
    )
    return str(entry["points"]), learned
