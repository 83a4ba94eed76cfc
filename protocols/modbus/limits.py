"""What one Modbus request may ask, and the names of what a device may answer instead."""

from typing import Final

MAX_READ_REGISTERS: Final = 125
MAX_READ_COILS: Final = 2000
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

_EXCEPTION_NAMES: Final = {
    ILLEGAL_FUNCTION: "illegal function",
    ILLEGAL_ADDRESS: "illegal data address",
    ILLEGAL_VALUE: "illegal data value",
    DEVICE_FAILURE: "device failure",
    ACKNOWLEDGE: "acknowledge",
    DEVICE_BUSY: "device busy",
    MEMORY_PARITY: "memory parity error",
    GATEWAY_PATH: "gateway path unavailable",
    GATEWAY_TARGET: "gateway target does not respond",
}


def exception_name(code: int) -> str:
    """Return what the specification calls an exception code; makers have codes of their own."""
    return _EXCEPTION_NAMES.get(code, "unknown exception")
