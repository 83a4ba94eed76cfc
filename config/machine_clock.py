"""Whether the machine's clock is kept right: what agent and server ask of the kernel alike."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Final

_TIMESYNCD_SAYS: Final = Path("/run/systemd/timesync/synchronized")
_TIMEX_BYTES: Final = 512
"""More than ``struct timex`` has on any machine."""
_NOT_SYNCHRONISED: Final = 5


def synchronised() -> bool:
    """Whether NTP or PTP keeps the machine's clock right, as the kernel or systemd knows.

    The kernel forgets it some hours after the last correction; systemd says it until a reboot.
    """
    return _TIMESYNCD_SAYS.exists() or 0 <= _kernel_clock_state() < _NOT_SYNCHRONISED


def _kernel_clock_state() -> int:
    # A buffer of zeros asks and changes nothing; no right is needed for that.
    try:
        return int(_libc().adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    except (OSError, AttributeError):
        return -1


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)
