"""The protocols of devices."""

from enum import StrEnum


class Protocol(StrEnum):
    """What a device speaks."""

    MODBUS = "modbus"
    """Registers and coils, by table and address."""
    DLT645 = "dlt645"
    """Chinese electricity meters, 2007 and 1997, by data identifier."""
