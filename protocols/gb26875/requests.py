"""Requests and commands of the centre to one transmission device, one at a time (pure)."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from protocols.fire.model import Kind, Place
from protocols.gb26875.frame import Command, Frame
from protocols.gb26875.tables import UnitType
from protocols.gb26875.times import DeviceTime
from protocols.gb26875.units import LAYOUTS, InfoObject, Unit, encode_unit

_FIRST_COMMAND: Final = UnitType.INITIALISE
_MOST_WAITING: Final = 1024


def set_clock(local: datetime) -> Unit:
    """Return the command that sets the clock of a device."""
    return Unit(UnitType.SET_CLOCK, [InfoObject({"clock": DeviceTime.of(local)})])


def inspect_sentry(minutes: int) -> Unit:
    """Return the command that inspects the sentry (查岗): someone has to answer in that time.

    ValueRangeError when it is sent with more than 255 minutes.
    """
    return Unit(UnitType.INSPECT_SENTRY, [InfoObject({"minutes": minutes})])


def read_transmitter_status() -> Unit:
    """Return the request for the state of the transmission device."""
    return Unit(UnitType.READ_TRANSMITTER_STATUS, [InfoObject({"reserved": 0})])


def read_places(places: Sequence[Place]) -> Sequence[Unit]:
    """Return requests for the states of systems and components, as many as fit in each."""
    systems = [_reference(one) for one in places if one.kind is Kind.SYSTEM]
    components = [
        _reference(one, zone=one.zone, point=one.point)
        for one in places
        if one.kind is Kind.COMPONENT
    ]
    return [
        *_in_units(UnitType.READ_SYSTEM_STATUS, systems),
        *_in_units(UnitType.READ_COMPONENT_STATUS, components),
    ]


def _in_units(kind: UnitType, objects: Sequence[InfoObject]) -> Sequence[Unit]:
    most = LAYOUTS[kind].most
    return [Unit(kind, objects[at : at + most]) for at in range(0, len(objects), most)]


def _reference(place: Place, **where: int) -> InfoObject:
    return InfoObject({"system": place.system, "address": place.panel, **where})


@dataclass
class Outstanding:
    """A request that waits for its answer."""

    frame: Frame
    unit: Unit
    until_s: float
    resends_left: int


class RequestQueue:
    """What the centre asks; a request is repeated until it is answered or has failed.

    Attributes:
        outstanding: What was asked and is not yet answered.
    """

    def __init__(self, *, timeout_s: float, resends: int) -> None:
        self.outstanding: Outstanding | None = None
        self._timeout_s = timeout_s
        self._resends = resends
        self._waiting: deque[Unit] = deque(maxlen=_MOST_WAITING)
        self._sequence = 0

    def add(self, unit: Unit, *, first: bool = False) -> None:
        """Ask it as soon as what is outstanding is settled.

        Args:
            first: Whether it goes before what waits.

        Raises:
            ValueRangeError: A value of it does not fit its field.
        """
        encode_unit(unit)
        if first:
            self._waiting.appendleft(unit)
        else:
            self._waiting.append(unit)

    def next(self, *, source: int, destination: int, local: datetime, now_s: float) -> Frame | None:
        """Return the frame to send now, if any."""
        if self.outstanding is not None or not self._waiting:
            return None
        unit = self._waiting.popleft()
        command = Command.CONTROL if unit.type >= _FIRST_COMMAND else Command.REQUEST
        head = Frame(self._sequence, command, DeviceTime.of(local), source, destination)
        frame = _at(head, unit, local)
        self._sequence = (self._sequence + 1) % 0x10000
        until_s = now_s + self._timeout_s
        self.outstanding = Outstanding(frame, unit, until_s, self._resends)
        return frame

    def answered(self, sequence: int) -> Unit | None:
        """Return the request that an answer with this number settles."""
        current = self.outstanding
        if current is None or current.frame.sequence != sequence:
            return None
        self.outstanding = None
        return current.unit

    def repeat(self, *, local: datetime, now_s: float) -> Frame | Unit | None:
        """Return the frame to send again, or the request that has failed; None before its time."""
        current = self.outstanding
        if current is None or now_s < current.until_s:
            return None
        if not current.resends_left:
            self.outstanding = None
            self._forget_alike(current.unit)
            return current.unit
        current.resends_left -= 1
        current.until_s = now_s + self._timeout_s
        return _at(current.frame, current.unit, local)

    def _forget_alike(self, failed: Unit) -> None:
        """Ask no more of a kind that the device does not answer: the rest must not wait for it."""
        if failed.type < _FIRST_COMMAND:
            left = [unit for unit in self._waiting if unit.type != failed.type]
            self._waiting = deque(left, maxlen=_MOST_WAITING)

    def denied(self, sequence: int, *, now_s: float) -> None:
        """Have a request repeated at once: the device did not understand it."""
        if self.outstanding is not None and self.outstanding.frame.sequence == sequence:
            self.outstanding.until_s = now_s


def _at(frame: Frame, unit: Unit, local: datetime) -> Frame:
    """Return the frame as it leaves now: a clock is set to the time at which it is sent."""
    if unit.type == UnitType.SET_CLOCK:
        unit = set_clock(local)
    return replace(frame, time=DeviceTime.of(local), unit=encode_unit(unit))
