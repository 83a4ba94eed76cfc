"""What is open at the panels of a port, on disk, for an agent that is killed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from protocols.errors import FrameError

_VERSION: Final = 1


class SnapshotFile:
    """One file for each port, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Mapping[str, object]:
        """Return source to snapshot; nothing when there is no file.

        Raises:
            FrameError: It is no such file.
            OSError: It cannot be read.
        """
        try:
            found: object = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise FrameError(f"{self.path}: {error}") from None
        parts = cast("dict[str, object]", found) if isinstance(found, dict) else {}
        panels = parts.get("panels")
        if parts.get("version") != _VERSION or not isinstance(panels, dict):
            raise FrameError(f"{self.path}: no snapshot of version {_VERSION}")
        return cast("dict[str, object]", panels)

    def write(self, panels: Mapping[str, object]) -> None:
        """Replace the file; it is on disk when this returns.

        Raises:
            OSError: The disk refuses.
        """
        draft = self.path.with_name(f"{self.path.name}.new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump({"version": _VERSION, "panels": panels}, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
