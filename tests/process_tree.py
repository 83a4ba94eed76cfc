"""Which processes a process has started."""

from pathlib import Path


def children(pid: int) -> list[int]:
    """Return those that its main thread started and that have not been waited for."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def descendants(pid: int) -> list[int]:
    """Return its children, each followed by its own."""
    return [one for child in children(pid) for one in (child, *descendants(child))]
