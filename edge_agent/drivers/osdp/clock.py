"""The clock of a process that has no event loop and small memory."""

import time


def monotonic_s() -> float:
    """Seconds that never run backwards."""
    return time.monotonic()  # noqa: TID251 (this is the clock)
