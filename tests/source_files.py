"""The files of this repository, without going through the packages of the dashboard."""

import os
from collections.abc import Iterator
from pathlib import Path

_FOREIGN = {"node_modules", "__pycache__"}


def source_files(folder: Path, *endings: str) -> Iterator[Path]:
    """Yield the files below a folder whose names end so."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _FOREIGN]
        yield from (Path(place, name) for name in names if name.endswith(endings))
