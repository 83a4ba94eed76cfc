"""Opens the line that its standard input describes, and serves it."""

import importlib
import os
import select
import sys
from collections.abc import Callable
from typing import Final

import serial

from edge_agent.drivers.osdp.channel import LineLostError
from edge_agent.drivers.osdp.clock import monotonic_s
from edge_agent.drivers.osdp.panel import Panel
from protocols.osdp.notes import Failed, Note, Opened, decode_line, decode_tell, encode_note

_STEP_S: Final = 0.01
_MOST_BYTES: Final = 4096


def main() -> int:
    """Serve one line until the standard input ends."""
    # Without a buffer: what comes behind the first line is read from the pipe itself.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as given:
        line = decode_line(given.readline())
    try:
        port = serial.Serial(
            line.device,
            baudrate=line.baud,
            parity=line.parity,
            stopbits=line.stop_bits,
            timeout=0,
            exclusive=True,
        )
    except (serial.SerialException, OSError, ValueError) as error:
        _say(Failed(str(error)))
        return 1
    with port:
        panel = Panel(
            importlib.import_module("osdp_sys"),
            port.fileno(),
            line,
            say=_say,
            now_s=monotonic_s,
        )
        _say(Opened())
        try:
            _serve(panel, sys.stdin.fileno(), lambda text: panel.tell(decode_tell(text)))
        except BrokenPipeError:
            return 0
        except LineLostError as error:
            _say(Failed(f"{line.device}: {error}"))
            return 1
    return 0


def _serve(panel: Panel, commands: int, take: Callable[[bytes], None]) -> None:
    """Work until the input ends.

    Args:
        panel: The panel.
        commands: File descriptor of the input.
        take: Takes a line of it.
    """
    received = b""
    while True:
        readable, _, _ = select.select([commands], [], [], _STEP_S)
        if readable:
            data = os.read(commands, _MOST_BYTES)
            if not data:
                return
            *lines, received = (received + data).split(b"\n")
            for line in lines:
                take(line)
        panel.step()


def _say(note: Note) -> None:
    sys.stdout.buffer.write(encode_note(note))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
