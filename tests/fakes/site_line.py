"""Units of a site under commissioning: device files behind registers, and one that knows itself."""

from collections.abc import Callable, Mapping

from config.load import load_profiles
from protocols.reading import Value
from simulators.equipment.kinds import MODELS
from simulators.line import SILENT, Reply, Responder
from simulators.slave import Bank, RegisterSpace, answer
from simulators.unit import SimulatedUnit

_IDENTIFY = bytes.fromhex("2b0e01")


class PlainUnit:
    """Holding registers only."""

    def __init__(self, registers: Mapping[int, int]) -> None:
        self.space = RegisterSpace()
        self.space.banks[Bank.HOLDING].update(registers)
        self.asked = 0

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        del now_s
        self.asked += 1
        return Reply(answer(self.space, pdu))


class NamedUnit:
    """Answers function 43/14 in two replies, everything else as ``inner``."""

    def __init__(self, inner: Responder, texts: list[str]) -> None:
        self.inner = inner
        self.texts = texts

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        if not pdu.startswith(_IDENTIFY):
            return self.inner.respond(pdu, now_s)
        first = pdu[3]
        # One object at a time, as a device with a small buffer does it.
        more = first + 1 < len(self.texts)
        text = self.texts[first].encode()
        head = _IDENTIFY + bytes((1, 255 if more else 0, first + 1 if more else 0, 1))
        return Reply(head + bytes((first, len(text))) + text)


class AtBaud:
    """Understands nothing while the master speaks at another rate."""

    def __init__(self, inner: Responder, *, baud: int, spoken: Callable[[], int | None]) -> None:
        self.inner = inner
        self._baud = baud
        self._spoken = spoken

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        if self._spoken() != self._baud:
            return SILENT
        return self.inner.respond(pdu, now_s)


def simulated(profile: str, equipment: str) -> SimulatedUnit:
    """A unit whose registers follow a device file, with a model of plant behind them."""
    points = load_profiles()[profile].points
    return SimulatedUnit(profile, equipment=MODELS[equipment](seed=5, started_s=0.0), points=points)


def hold(unit: SimulatedUnit, **values: Value) -> SimulatedUnit:
    """Let points show given values."""
    for name, value in values.items():
        unit.hold(name, value)
    return unit
