"""What linkages know over a restart, in a small file beside the journal."""

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final, Protocol

import structlog
from pydantic import TypeAdapter, ValidationError

from edge_agent.linkages.state import Memory

log = structlog.get_logger()

_FILE: Final = TypeAdapter(dict[str, Memory])


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
            return _FILE.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
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
