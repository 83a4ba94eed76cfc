"""Simulated M-Bus slaves: heat and water meters with several telegrams, by either address.

A unit is a number whose lowest byte is the primary address, so that several can have the same. A
PDU is C, the address that was asked, CI and the data; an answer is C, CI and the data, or E5.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from protocols.mbus.addresses import SELECTED, SecondaryAddress, decode_secondary
from protocols.mbus.dates import encode_date_time
from protocols.mbus.encoding import bcd, encode_block, encode_telegram, integer, real
from protocols.mbus.frames import ACK
from protocols.mbus.master import CI_SELECT, FRAME_COUNT, REQ_UD2, RSP_UD, SND_NKE, SND_UD
from protocols.mbus.record import Function
from protocols.mbus.telegram import CI_ERROR, Header
from protocols.reading import Value
from simulators.dlt645.values import local_time
from simulators.equipment.base import Equipment
from simulators.line import SILENT, Reply
from simulators.model_unit import ModelUnit

_HEAD_BYTES: Final = 2  # C and the address, before CI
_LOW_POWER: Final = 1 << 2


@dataclass(frozen=True, slots=True)
class SlaveSettings:
    """How a simulated slave is set up.

    Attributes:
        address: Secondary address, without wildcards.
        telegrams: 1 or 2; the second carries the stored values.
        counts_frames: It takes notice of the frame count bit.
    """

    address: SecondaryAddress
    telegrams: int = 2
    counts_frames: bool = True


class SimulatedSlave(ModelUnit):
    """Answers with the values of its model."""

    def __init__(
        self, name: str, *, equipment: Equipment, settings: SlaveSettings, started_s: float
    ) -> None:
        points = equipment.values(started_s).keys()
        super().__init__(name, equipment=equipment, points=points)
        self._settings = settings
        self._selected = False
        self._access = 0
        self._next = 0
        self._last_bit: dict[bool, bool] = {}
        self._last: bytes = b""

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request, whoever it was for."""
        if len(pdu) < _HEAD_BYTES:
            return SILENT
        control, asked, rest = pdu[0], pdu[1], pdu[_HEAD_BYTES:]
        if asked == SELECTED and rest[:1] == bytes((CI_SELECT,)):
            return self._select(rest[1:])
        if asked == SELECTED and not self._selected:
            return SILENT
        kind = control & ~FRAME_COUNT
        if kind == REQ_UD2:
            return Reply(self._telegram(bool(control & FRAME_COUNT), asked, now_s))
        if kind == SND_NKE:
            self._reset(asked)
        return Reply(bytes((ACK,))) if kind in {SND_NKE, SND_UD} else SILENT

    def _select(self, data: bytes) -> Reply:
        self._selected = len(data) == len(self._settings.address.encode()) and (
            decode_secondary(data).selects(self._settings.address)
        )
        if not self._selected:
            return SILENT
        self._last_bit.pop(True, None)
        self._next = 0
        return Reply(bytes((ACK,)))

    def _reset(self, asked: int) -> None:
        self._last_bit.pop(asked == SELECTED, None)
        self._selected = self._selected and asked != SELECTED
        self._next = 0

    def _telegram(self, bit: bool, asked: int, now_s: float) -> bytes:  # noqa: FBT001
        """Return the next telegram, or the last one again where the bit is the same."""
        own = asked == SELECTED
        if self._settings.counts_frames and self._last_bit.get(own) is bit and self._last:
            return self._last
        self._last_bit[own] = bit
        number = self._next if self._settings.counts_frames else 0
        self._next = (number + 1) % self._settings.telegrams
        self._access = (self._access + 1) % 256
        values = self._values(now_s)
        more = number + 1 < self._settings.telegrams
        blocks = self._stored(values) if number else self._current(values, now_s)
        status = _LOW_POWER if values.get("battery_low") else 0
        access = self._access if self._settings.counts_frames else 0
        header = Header(self._settings.address, access, status)
        frame = encode_telegram(0, header, blocks, more=more)
        self._last = bytes((frame.control, frame.information)) + frame.data
        return self._last

    def _current(self, values: dict[str, Value], now_s: float) -> bytes:
        """A water meter has no heat."""
        blocks = [make(values[name]) for name, make in _CURRENT.items() if name in values]
        clock = encode_block(b"\x6d", encode_date_time(local_time(now_s)), coding=4)
        return b"".join([*blocks, clock])

    def _stored(self, values: dict[str, Value]) -> bytes:
        if "settlement_heat" not in values:
            return _bcd(b"\x14", values["settlement_volume"], 100.0, storage=1)
        power, peak = integer(round(1300 * _number(values["power"])), 4)
        heat = values["settlement_heat"]
        blocks = [
            _bcd(b"\x06", heat, 1.0, storage=1),
            encode_block(b"\x2b", peak, coding=power, function=Function.MAXIMUM),
            _bcd(b"\x06", heat, 1.0, tariff=1, storage=1, subunit=1),
        ]
        return b"".join(blocks)


def _bcd(
    vib: bytes, value: Value, steps: float, *, storage: int = 0, tariff: int = 0, subunit: int = 0
) -> bytes:
    coding, data = bcd(round(steps * _number(value)), 4)
    return encode_block(vib, data, coding=coding, storage=storage, tariff=tariff, subunit=subunit)


def _integer(vib: bytes, value: Value, steps: float, size: int) -> bytes:
    coding, data = integer(round(steps * _number(value)), size)
    return encode_block(vib, data, coding=coding)


def _real(vib: bytes, value: Value) -> bytes:
    coding, data = real(_number(value))
    return encode_block(vib, data, coding=coding)


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


_CURRENT: Final[Mapping[str, Callable[[Value], bytes]]] = {
    "heat": lambda value: _bcd(b"\x06", value, 1.0),
    "volume": lambda value: _bcd(b"\x14", value, 100.0),
    "power": lambda value: _integer(b"\x2b", value, 1000.0, 4),
    "flow": lambda value: _integer(b"\x3b", value, 1000.0, 4),
    "supply_temperature": lambda value: _real(b"\x5b", value),
    "return_temperature": lambda value: _real(b"\x5f", value),
    "working_hours": lambda value: _integer(b"\x22", value, 1.0, 4),
}
"""Values of the model to records of the first telegram."""


def refusal(control: int, code: int) -> bytes:
    """Return the answer of a slave that cannot: a general application error."""
    del control
    return bytes((RSP_UD, CI_ERROR, code & 0xFF))
