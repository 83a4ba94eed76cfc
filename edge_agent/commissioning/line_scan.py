"""What the searches of lines have in common: settings are tried out, and the time is limited."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from config.meter_ports import Dlt645Port, MbusPort
from edge_agent.clock import Clock
from edge_agent.commissioning.search import Setting, Shown
from edge_agent.drivers.lines import Lines

Port = TypeVar("Port", Dlt645Port, MbusPort)


@dataclass
class LineOutcome(Generic[Port]):
    """What a search found, whatever the protocol.

    Attributes:
        port: The port at the setting where somebody answered.
        asked: Settings that were tried.
        left: How many addresses were not asked any more at least.
        ended: The budget ended it.
    """

    port: Port | None = None
    asked: list[str] = field(default_factory=list[str])
    left: int = 0
    ended: bool = False

    def ending(self) -> Iterator[str]:
        """Yield that the budget ended it, if it did."""
        if self.ended:
            left = f", at least {self.left} addresses were not asked" if self.left else ""
            yield f"the search was ended by the budget{left} (--budget gives more)"


class LineScan(Generic[Port]):
    """One search of one line.

    Args:
        port: Its settings; baud and parity are tried out.
        clock: Time.
        budget_s: Longest time for all, seconds.
        shown: Told what is done and found.
    """

    def __init__(self, port: Port, clock: Clock, *, budget_s: float, shown: Shown) -> None:
        self._port: Port = port
        self._clock = clock
        self._lines = Lines()
        self._until_s = clock.monotonic_s() + budget_s
        self._shown = shown

    def _at(self, setting: Setting) -> Port:
        return self._port.model_copy(update={"baud": setting.baud, "parity": setting.parity})

    def _is_over(self) -> bool:
        return self._clock.monotonic_s() >= self._until_s
