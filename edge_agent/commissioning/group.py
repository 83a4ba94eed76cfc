"""The commissioning commands of ``plantroom agent``: imported when they are called (ADR-59)."""

from typing import Final

from config.lazy_group import Place

_ROOM: Final = "edge_agent.commissioning"
COMMANDS: Final = {
    "check": Place(
        f"{_ROOM}.check_command:command",
        "Check FILE and everything it names, and connect to nothing.",
    ),
    "import": Place(
        f"{_ROOM}.import_command:command", "Make a device file from a point table (Excel or CSV)."
    ),
    "plan": Place(
        f"{_ROOM}.plan_command:command", "Predict requests, time and load of each port of a file."
    ),
    "read": Place(
        f"{_ROOM}.read_command:command", "Read registers of one unit and show all their decodings."
    ),
    "scan": Place(
        f"{_ROOM}.scan_command:command", "Find units on a serial line or behind a TCP address."
    ),
    "watch": Place(
        f"{_ROOM}.watch_command:command",
        "Watch a running gateway: ports, units, load, last values.",
    ),
}
"""A running gateway never pays for the tools of the day on which it was wired."""
