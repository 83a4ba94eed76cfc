"""What linkages know over a restart, in a small file beside the journal."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import structlog

from edge_agent.kept_json import list_of, maybe_whole_of, object_of, text_of, truth_of, whole_of
from edge_agent.linkages.state import Memory, State

log = structlog.get_logger()


class LinkageStore(Protocol):
    """Keeps the memory of each linkage."""

    def load(self) -> dict[str, Memory]:
        """Return what is kept, by linkage; nothing where nothing can be read."""
        ...

    async def save(self, memories: Mapping[str, Memory]) -> None:
        """Keep all of this, on disk when it returns; a disk that refuses is logged."""
        ...


class LinkageFile:
    """One JSON file that is replaced as a whole.

    A disk that refuses costs the memory over a restart, never a run: closing a valve is worth more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = asyncio.Lock()
        self._refused = False

    def load(self) -> dict[str, Memory]:
        """Return what is kept, by linkage; nothing where nothing can be read."""
        try:
            found = object_of(json.loads(self._path.read_bytes()))
            return {name: _memory(object_of(one)) for name, one in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("linkages_unreadable", path=str(self._path), error=str(error))
            return {}

    async def save(self, memories: Mapping[str, Memory]) -> None:
        """Keep all of this, on disk when it returns; a disk that refuses is logged."""
        async with self._writing:
            # As it is when its turn comes: the newest is never replaced by an older one.
            text = json.dumps({name: asdict(one) for name, one in memories.items()}, indent=1)
            await asyncio.to_thread(self._write, text)

    def _write(self, text: str) -> None:
        draft = self._path.with_name(f"{self._path.name}.new")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            self._refuse(error)
        else:
            self._refused = False

    def _refuse(self, error: OSError) -> None:
        if not self._refused:
            log.error("linkages_not_kept", path=str(self._path), error=str(error))
        self._refused = True


def _memory(kept: Mapping[str, object]) -> Memory:
    """Return what is kept of one linkage; what it does not say is as of one that never ran.

    Raises:
        ValueError: It is no such thing.
    """
    new = asdict(Memory())
    one = new | {name: value for name, value in kept.items() if name in new}
    return Memory(
        state=State(text_of(one["state"])),
        latched=truth_of(one["latched"]),
        dry=truth_of(one["dry"]),
        runs=whole_of(one["runs"]),
        run_times=[whole_of(at) for at in list_of(one["run_times"])],
        run_key=text_of(one["run_key"]),
        given=text_of(one["given"]),
        results=[text_of(said) for said in list_of(one["results"])],
        began_at=maybe_whole_of(one["began_at"]),
        ended_at=maybe_whole_of(one["ended_at"]),
    )
