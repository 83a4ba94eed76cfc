"""The protocols of devices."""

from enum import StrEnum


class Protocol(StrEnum):
    """What a device speaks."""

    MODBUS = "modbus"
    """Registers and coils, by table and address."""
    DLT645 = "dlt645"
    """Chinese electricity meters, 2007 and 1997, by data identifier."""
    CJT188 = "cjt188"
    """Chinese water, gas and heat meters, 2004 and 2018, by field of an answer."""
    REACHABILITY = "reachability"
    """Hosts that are only there or not: they answer a ping or take a connection."""
    MBUS = "mbus"
    """Meters of EN 13757, by quantity, storage and tariff of a record."""
    GB26875 = "gb26875"
    """Transmission devices of fire alarm panels, GB/T 26875.3; they speak first."""
    FIRE_PANEL = "fire_panel"
    """Fire alarm panels with their makers' own formats; listened to, and polled by some."""
    OSDP = "osdp"
    """Readers of doors, by part of the reader."""
