r"""Readers of doors on a pseudo terminal: the peripheral side of libosdp, with a door at each.

Its control takes ``{"do": "card", "address": 1, "facility": 52, "number": 22136}``,
``{"do": "input", "address": 1, "number": 0, "on": true}``, ``{"do": "tamper", "address": 1, "on":
true}``, so ``power_failure``; ``{"do": "mute", "address": 1, "on": true}`` (it answers no more);
``{"do": "replace", "address": 1, "key": "..."}`` (another reader in its place; without a key it has
that of delivery); ``{"do": "get", "address": 1}`` (outputs, secure channel, key).
"""

import asyncio
import ctypes
import importlib
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Final, Self, cast

from simulators.clock import Clock, SystemClock
from simulators.errors import SimulatorError
from simulators.terminal import Terminal

_STEP_S: Final = 0.01
_INPUTS: Final = 4
_OUTPUTS: Final = 2
_MAGIC: Final = 0xDEADBEAF
_OBJECT_WORDS: Final = 12
_CONTEXT_WORD: Final = 10
_OFF, _ON, _ON_FOR = 1, 2, 5
_CARD_BITS: Final = 26


class _Command(ctypes.Structure):
    """A command as the library of version 3.2 hands it over."""

    _fields_ = (
        ("node", ctypes.c_uint8 * 16),
        ("kind", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("body", ctypes.c_uint8 * 72),
    )


_TAKES: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(_Command))


class _Channel:
    """What one reader hears of the line, and says on it."""

    def __init__(self, line: "OsdpLine") -> None:
        self.id = 0
        self.mute = False
        self.heard: deque[bytes] = deque()
        self._line = line

    def read(self, max_bytes: int) -> bytes:
        """Return what has come."""
        data = b"".join(self.heard)
        self.heard.clear()
        if data[max_bytes:]:
            self.heard.append(data[max_bytes:])
        return b"" if self.mute else data[:max_bytes]

    def write(self, data: bytes) -> int:
        """Send."""
        if not self.mute:
            self._line.send(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: nothing is kept."""


class OsdpReader:
    """One reader with four inputs and two outputs.

    The Python binding of libosdp 3.2 leaves the bytes of a status answer out, so that commands are
    taken by a function of C.

    Attributes:
        inputs: Door contact, exit button, ...
        outputs: Strike, ...
        key: Of its secure channel; None: that of delivery.
    """

    def __init__(self, line: "OsdpLine", address: int, key: bytes | None, clock: Clock) -> None:
        self.inputs = [0] * _INPUTS
        self.outputs = [0] * _OUTPUTS
        self.local = [0, 0]
        self.key = key
        self._address = address
        self._clock = clock
        self._channel = _Channel(line)
        self._off_at: dict[int, float] = {}
        self._library: Any = _library()
        self._takes = _TAKES(self._take)
        self._device = self._made()

    @property
    def secure(self) -> bool:
        """Whether its secure channel is up."""
        return bool(self._device.is_sc_active())

    def hear(self, data: bytes) -> None:
        """Take bytes of the line."""
        self._channel.heard.append(data)

    def step(self) -> None:
        """Work: answer, and end what has a time."""
        self._device.refresh()
        now_s = self._clock.now_s()
        for output, off_s in list(self._off_at.items()):
            if now_s >= off_s:
                del self._off_at[output]
                self._switch(output, on=False)

    def replace(self, key: bytes | None) -> None:
        """Put another reader in its place."""
        self.key = key
        self.inputs, self.outputs, self.local = [0] * _INPUTS, [0] * _OUTPUTS, [0, 0]
        self._device = self._made()

    def mute(self, *, on: bool) -> None:
        """Say and hear nothing."""
        self._channel.mute = on

    def card(self, facility: int, number: int) -> None:
        """Have a card of 26 bits presented."""
        inner = facility << 16 | number
        half = 12
        even = (inner >> half).bit_count() % 2
        odd = 1 - (inner & (1 << half) - 1).bit_count() % 2
        bits = even << 25 | inner << 1 | odd
        self._submit(
            {
                "event": self._library.EVENT_CARDREAD,
                "reader_no": 0,
                "direction": 0,
                "format": self._library.CARD_FMT_RAW_WIEGAND,
                "length": _CARD_BITS,
                "data": (bits << 6).to_bytes(4, "big"),
            }
        )

    def contact(self, number: int, *, on: bool) -> None:
        """Change an input, and say so."""
        self.inputs[number] = int(on)
        self._report(self._library.STATUS_REPORT_INPUT, self.inputs)

    def local_state(self, number: int, *, on: bool) -> None:
        """Change tamper (0) or power failure (1), and say so."""
        self.local[number] = int(on)
        self._report(self._library.STATUS_REPORT_LOCAL, self.local)

    def _switch(self, number: int, *, on: bool) -> None:
        self.outputs[number] = int(on)
        self._report(self._library.STATUS_REPORT_OUTPUT, self.outputs)

    def _report(self, kind: int, values: list[int]) -> None:
        self._submit({"event": self._library.EVENT_STATUS, "type": kind, "report": bytes(values)})

    def _submit(self, event: Mapping[str, Any]) -> None:
        self._device.submit_event(event)

    def _made(self) -> Any:  # noqa: ANN401 (the library has no types)
        library = self._library
        capabilities = {
            library.CAP_CONTACT_STATUS_MONITORING: _INPUTS,
            library.CAP_OUTPUT_CONTROL: _OUTPUTS,
            library.CAP_CARD_DATA_FORMAT: 1,
            library.CAP_COMMUNICATION_SECURITY: 1,
            library.CAP_READERS: 1,
        }
        install = self.key is None
        device = library.PeripheralDevice(
            {
                "name": f"reader-{self._address}",
                "address": self._address,
                "flags": library.FLAG_INSTALL_MODE if install else library.FLAG_ENFORCE_SECURE,
                "scbk": self.key,
                "channel": self._channel,
                "version": 1,
                "model": 1,
                "vendor_code": 1,
                "serial_number": 1,
                "firmware_version": 1,
            },
            capabilities=[
                {"function_code": code, "compliance_level": 1, "num_items": items}
                for code, items in capabilities.items()
            ],
        )
        self._hook(device)
        return device

    def _hook(self, device: Any) -> None:  # noqa: ANN401 (as above)
        """Have commands taken by ``_take`` instead of the binding."""
        words = (ctypes.c_uint64 * _OBJECT_WORDS).from_address(id(device))
        size = type(device).__basicsize__
        context = words[_CONTEXT_WORD] if size == ctypes.sizeof(words) else 0
        if not context or ctypes.c_uint32.from_address(context).value != _MAGIC:
            raise SimulatorError("the simulated reader knows libosdp 3.2.9 only")
        set_callback = ctypes.CDLL(self._library.__file__).osdp_pd_set_command_callback
        set_callback.argtypes = [ctypes.c_void_p, _TAKES, ctypes.c_void_p]
        set_callback(context, self._takes, None)

    def _take(self, _: object, given: Any) -> int:  # noqa: ANN401 (as above)
        command = given.contents
        body = bytes(command.body)
        match command.kind:
            case self._library.CMD_OUTPUT:
                return self._obey_output(body[0], body[1], int.from_bytes(body[2:4], "little"))
            case self._library.CMD_STATUS:
                values = bytes(self._states(int.from_bytes(body[:4], "little")))
                size = len(values).to_bytes(4, "little")
                ctypes.memmove(ctypes.byref(command.body, 4), size + values, 4 + len(values))
            case self._library.CMD_KEYSET:
                self.key = body[2 : 2 + body[1]]
            case _:
                pass
        return 0

    def _states(self, kind: int) -> list[int]:
        return {
            self._library.STATUS_REPORT_INPUT: self.inputs,
            self._library.STATUS_REPORT_OUTPUT: self.outputs,
            self._library.STATUS_REPORT_LOCAL: self.local,
        }.get(kind, [0])

    def _obey_output(self, number: int, code: int, tenths: int) -> int:
        if number >= _OUTPUTS or code not in {_OFF, _ON, _ON_FOR}:
            return -1
        self._off_at.pop(number, None)
        if code == _ON_FOR:
            self._off_at[number] = self._clock.now_s() + tenths / 10
        self._switch(number, on=code != _OFF)
        return 0


class OsdpLine:
    """Readers on a pseudo terminal while it is entered; ``path`` is a symbolic link to it.

    Args:
        path: The link.
        keys: Address of a reader to its key; None: the key of delivery.
    """

    def __init__(
        self, path: Path, keys: Mapping[int, bytes | None], *, clock: Clock | None = None
    ) -> None:
        self.path = path
        self._keys = dict(keys)
        self._clock = clock or SystemClock()
        self.readers: dict[int, OsdpReader] = {}
        self._terminal = Terminal(path, self._received)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.readers = {
            address: OsdpReader(self, address, key, self._clock)
            for address, key in self._keys.items()
        }
        await self._terminal.__aenter__()
        self._task = asyncio.create_task(self._work(), name="osdp-readers")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None
        await self._terminal.__aexit__(kind, error, trace)

    def send(self, data: bytes) -> None:
        """Say something on the line."""
        self._terminal.write(data)

    def obey(self, line: bytes) -> dict[str, object]:
        """Do what a line of the control says."""
        try:
            return {"ok": True, **self._done(cast("dict[str, Any]", json.loads(line)))}
        except (ValueError, KeyError, TypeError, IndexError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def _done(self, order: dict[str, Any]) -> dict[str, object]:
        reader = self.readers[int(order["address"])]
        match order["do"]:
            case "card":
                reader.card(int(order["facility"]), int(order["number"]))
            case "input":
                reader.contact(int(order["number"]), on=bool(order["on"]))
            case "tamper" | "power_failure" as what:
                reader.local_state(int(what == "power_failure"), on=bool(order["on"]))
            case "mute":
                reader.mute(on=bool(order["on"]))
            case "replace":
                key = order.get("key")
                reader.replace(None if key is None else bytes.fromhex(key))
            case "get":
                key = None if reader.key is None else reader.key.hex()
                return {"outputs": reader.outputs, "secure": reader.secure, "key": key}
            case what:
                allowed = "card, input, tamper, power_failure, mute, replace, get"
                raise ValueError(f"{what!r}; allowed: {allowed}")
        return {}

    def _received(self, data: bytes) -> None:
        for reader in self.readers.values():
            reader.hear(data)

    async def _work(self) -> None:
        while True:
            for reader in self.readers.values():
                reader.step()
            await self._clock.sleep(_STEP_S)


def _library() -> ModuleType:
    try:
        library = importlib.import_module("osdp_sys")
    except ModuleNotFoundError:
        raise SimulatorError(
            "a simulated reader needs the package libosdp: pip install plantroom[osdp]"
        ) from None
    library.set_loglevel(library.LOG_CRIT)
    return library
