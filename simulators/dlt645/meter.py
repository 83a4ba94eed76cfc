"""One simulated meter: a request gives a reply."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from protocols.dlt645 import codes
from protocols.dlt645.codes import FUNCTIONS, IDENTIFIER_BYTES, Edition, error_byte
from protocols.dlt645.commands import Password, RelayCommand
from protocols.dlt645.identifiers import Item, item
from protocols.errors import FrameError, ValueRangeError
from protocols.reading import Value
from simulators.dlt645.values import local_time, shown, value_names
from simulators.equipment.base import Equipment
from simulators.line import SILENT, Reply
from simulators.model_unit import ModelUnit

_HEAD: Final = {Edition.E2007: 8, Edition.E1997: 4}
"""Bytes before the data of a write: a password, and in 2007 an operator."""
_COMMAND_BYTES: Final = 16
_MOMENT_BYTES: Final = 6
_LARGEST_STEP_S: Final = 300.0
"""A broadcast corrects no clock that is further off."""
_YUAN_PER_KWH: Final = 0.56


class _RefusedError(Exception):
    """The meter refuses with a word of ``codes.error_words``."""


@dataclass(frozen=True, slots=True)
class MeterSettings:
    """How a simulated meter is set up.

    Attributes:
        address: 12 digits.
        edition: That it speaks.
        phases: 1 or 3; a meter with one sends FF for the others.
        credit: Money left at the start, yuan.
        password: What it wants before it obeys.
        part_bytes: Bytes of data in one frame; a longer answer comes in follow-on frames.
    """

    address: str
    edition: Edition = Edition.E2007
    phases: int = 3
    credit: float = 100.0
    password: Password = field(default_factory=lambda: Password(2, "123456"))
    part_bytes: int = 180


class SimulatedMeter(ModelUnit):
    """Answers with the values of its model; a PDU is the control code and DATA.

    Attributes:
        settings: How it is set up.
        commands: Relay commands that it has obeyed.
    """

    def __init__(
        self, name: str, *, equipment: Equipment, settings: MeterSettings, started_s: float
    ) -> None:
        model = equipment.values(started_s)
        self.settings = settings
        self.commands: list[RelayCommand] = []
        self._clock_off_s = 0.0
        self._kept = False
        self._rest: tuple[int, bytes] = (0, b"")
        self._first_kwh = _number(model, "import_energy")
        self._handlers = self._functions()
        super().__init__(name, equipment=equipment, points=value_names())

    def respond(self, pdu: bytes, now_s: float) -> Reply:
        """Answer one request."""
        if not pdu or pdu[0] not in self._handlers:
            return SILENT
        try:
            more, data = self._handlers[pdu[0]](pdu[1:], now_s)
        except _RefusedError as refused:
            return Reply(refusal(pdu[0], error_byte(self.settings.edition, str(refused))))
        control = pdu[0] | codes.FROM_METER | (codes.MORE if more else 0)
        return Reply(bytes((control,)) + data)

    def _functions(self) -> Mapping[int, Callable[[bytes, float], tuple[bool, bytes]]]:
        known = FUNCTIONS[self.settings.edition]
        found = {
            known.read: self._read,
            known.read_next: self._read_next,
            known.write: self._write,
            known.broadcast_time: self._set_clock,
        }
        if known.read_address is not None:
            found[known.read_address] = self._read_address
        if known.relay is not None:
            found[known.relay] = self._move_relay
        return found

    def _labelled(self, model: Mapping[str, Value], now_s: float) -> dict[str, Value]:
        used_kwh = _number(model, "import_energy") - self._first_kwh
        return shown(
            model,
            address=self.settings.address,
            clock=self._clock(now_s),
            credit=self.settings.credit - _YUAN_PER_KWH * used_kwh,
            phases=self.settings.phases,
        )

    def _values(self, now_s: float) -> dict[str, Value]:
        return {**self._labelled(self.equipment.values(now_s), now_s), **self.held}

    def _clock(self, now_s: float) -> datetime:
        return local_time(now_s) + timedelta(seconds=self._clock_off_s)

    def _read(self, data: bytes, now_s: float) -> tuple[bool, bytes]:
        wanted = self._item(data)
        return self._part(wanted.identifier, self._answer(wanted, now_s), number=0)

    def _read_next(self, data: bytes, now_s: float) -> tuple[bool, bytes]:
        del now_s
        wanted = self._item(data)
        identifier, rest = self._rest
        if identifier != wanted.identifier or not rest:
            raise _RefusedError(codes.NO_SUCH_DATA)
        in_2007 = self.settings.edition is Edition.E2007
        return self._part(identifier, rest, number=data[-1] if in_2007 else 0)

    def _part(self, identifier: int, data: bytes, *, number: int) -> tuple[bool, bytes]:
        """Return whether more follows, and as much as fits a frame."""
        size = self.settings.part_bytes
        self._rest = (identifier, data[size:])
        head = identifier.to_bytes(IDENTIFIER_BYTES[self.settings.edition], "little")
        tail = bytes((number,)) if number else b""
        return bool(data[size:]), head + data[:size] + tail

    def _item(self, data: bytes) -> Item:
        size = IDENTIFIER_BYTES[self.settings.edition]
        found = item(self.settings.edition, int.from_bytes(data[:size], "little"))
        if len(data) < size or found is None:
            raise _RefusedError(codes.NO_SUCH_DATA)
        return found

    def _answer(self, wanted: Item, now_s: float) -> bytes:
        values = self._values(now_s)
        labels = wanted.labels[: wanted.usual * len(wanted.fields)]
        if not any(label in values for label in labels):
            raise _RefusedError(codes.NO_SUCH_DATA)
        try:
            return wanted.encode([values.get(label) for label in labels])
        except ValueRangeError:
            # Held by hand at what its digits cannot show.
            raise _RefusedError("other_error") from None

    def _read_address(self, data: bytes, now_s: float) -> tuple[bool, bytes]:
        del data, now_s
        return False, bytes.fromhex(self.settings.address)[::-1]

    def _write(self, data: bytes, now_s: float) -> tuple[bool, bytes]:
        wanted = self._item(data)
        size, head = IDENTIFIER_BYTES[self.settings.edition], _HEAD[self.settings.edition]
        self._check_password(data[size:])
        try:
            values = wanted.decode(data[size + head :])
        except FrameError:
            raise _RefusedError("other_error") from None
        if None in values:
            raise _RefusedError("other_error")
        if wanted.name in {"date", "time"}:
            self._write_clock(wanted.name, str(values[0]), now_s)
        else:
            self.held.update(zip(wanted.labels, values, strict=False))
        return False, b""

    def _write_clock(self, name: str, text: str, now_s: float) -> None:
        was = self._clock(now_s).isoformat(timespec="seconds")
        date, _, time = was.partition("T")
        now = f"{text}T{time}" if name == "date" else f"{date}T{text}"
        off = datetime.fromisoformat(now) - datetime.fromisoformat(was)
        self._clock_off_s += off.total_seconds()

    def _set_clock(self, data: bytes, now_s: float) -> tuple[bool, bytes]:
        off_s = (_moment(data) - self._clock(now_s)).total_seconds()
        if abs(off_s) <= _LARGEST_STEP_S:
            self._clock_off_s += off_s
        return False, b""

    def _move_relay(self, data: bytes, now_s: float) -> tuple[bool, bytes]:
        self._check_password(data)
        if len(data) != _COMMAND_BYTES or data[8] not in set(RelayCommand):
            raise _RefusedError("other_error")
        command = RelayCommand(data[8])
        too_late = _moment(data[10:]) < self._clock(now_s)
        if too_late or (command is RelayCommand.TRIP and self._kept):
            raise _RefusedError("other_error")
        self.commands.append(command)
        if command in {RelayCommand.KEEP, RelayCommand.KEEP_OFF}:
            self._kept = command is RelayCommand.KEEP
        elif command is RelayCommand.TRIP:
            self.equipment.command("relay", value=False, now_s=now_s)
        elif command in {RelayCommand.CLOSE, RelayCommand.ALLOW_CLOSE}:
            # Somebody is there to press its key at once.
            self.equipment.command("relay", value=True, now_s=now_s)
        return False, b""

    def _check_password(self, data: bytes) -> None:
        known = self.settings.password.encoded()
        if data[: len(known)] != known:
            raise _RefusedError("not_authorised")


def refusal(control: int, error: int) -> bytes:
    """Return the reply PDU that refuses a request with an error byte."""
    return bytes((control | codes.FROM_METER | codes.REFUSED, error & 0xFF))


def _number(model: Mapping[str, Value], name: str) -> float:
    value = model[name]
    if not isinstance(value, int | float):
        raise ValueRangeError(f"{name}: {value!r} is no number")
    return value


def _moment(data: bytes) -> datetime:
    """Return the time in ss mm hh DD MM YY."""
    try:
        return datetime.strptime(data[:_MOMENT_BYTES][::-1].hex(), "%y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        raise _RefusedError("other_error") from None
