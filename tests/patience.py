"""How long tests wait for real processes, threads and pages."""

import time
from collections.abc import Callable

PATIENCE_S = 100.0
"""For what happens soon, on a machine however busy; only what never happens takes as long."""


def until(condition: Callable[[], bool], *, every_s: float = 0.01) -> None:
    """Wait for a fact."""
    ends_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends_s, condition
        time.sleep(every_s)
