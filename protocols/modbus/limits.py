"""What one Modbus request may ask, and the names of what a device may answer instead."""

from typing import Final

MAX_READ_REGISTERS: Final = 125
MAX_READ_COILS: Final = 2000
MAX_WRITE_REGISTERS: Final = 123
MAX_WRITE_COILS: Final = 1968
MAX_ADDRESS: Final = 65535

ILLEGAL_FUNCTION: Final = 1
ILLEGAL_ADDRESS: Final = 2
ILLEGAL_VALUE: Final = 3
DEVICE_FAILURE: Final = 4
ACKNOWLEDGE: Final = 5
DEVICE_BUSY: Final = 6
MEMORY_PARITY: Final = 8
GATEWAY_PATH: Final = 10
GATEWAY_TARGET: Final = 11

EXCEPTION_NAMES: Final = {
    ILLEGAL_FUNCTION: "illegal_function",
    ILLEGAL_ADDRESS: "illegal_address",
    ILLEGAL_VALUE: "illegal_value",
    DEVICE_FAILURE: "device_failure",
    ACKNOWLEDGE: "acknowledge",
    DEVICE_BUSY: "device_busy",
    MEMORY_PARITY: "memory_parity",
    GATEWAY_PATH: "gateway_path_unavailable",
    GATEWAY_TARGET: "gateway_target_silent",
}
"""Exception code -> fixed word."""


def exception_name(code: int) -> str:
    """Return the word for an exception code, ``exception_<code>`` for one of the maker's own."""
    return EXCEPTION_NAMES.get(code, f"exception_{code}")
