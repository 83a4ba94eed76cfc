"""How long a request occupies a port, before anything was measured (pure)."""

from typing import NamedTuple

from config.points import Table
from config.ports import Framing, ModbusRtuPort, ModbusTcpPort, Port

_BITS = frozenset({Table.COIL, Table.DISCRETE})
_FAST_LINE_GAP_S = 0.00175  # the specification's fixed silence above 19,200 baud
_FAST_BAUD = 19200
_FRAME_BYTES = 8 + 5  # a request, and a reply without its registers
_NETWORK_S = 0.001
_THINKING_S = 0.01


class LineTiming(NamedTuple):
    """The price of asking on one port, seconds.

    Attributes:
        char_s: One byte on the wire; 0 where the wire is not the bottleneck.
        overhead_s: Bytes, silences, turnaround and the device's thinking, per request.
        register_s: One register more in a reply.
        gap_s: Silence that must stand between two frames.
        byte_chars: Characters that one byte of a frame takes; 2 in ASCII.
    """

    char_s: float
    overhead_s: float
    register_s: float
    gap_s: float
    byte_chars: int = 1

    def expected_s(self, table: Table, count: int) -> float:
        """Predicted time of one read of ``count`` registers or bits."""
        registers = count / 16 if table in _BITS else count
        return self.overhead_s + registers * self.register_s

    def wire_s(self, table: Table, count: int) -> float:
        """Time that the bytes of a read alone need."""
        size = (count + 7) // 8 if table in _BITS else 2 * count
        return (_FRAME_BYTES + size) * self.byte_chars * self.char_s


def line_timing(port: Port, *, answer_s: float | None = None) -> LineTiming:
    """Return the timing of a port from its settings.

    Args:
        port: Its settings.
        answer_s: What a device and the network take to answer; default: a quick device's time.
    """
    if isinstance(port, ModbusTcpPort):
        network_s = _NETWORK_S if answer_s is None else answer_s
        return LineTiming(0.0, network_s + port.turnaround_s, 0.00002, 0.0)
    thinking_s = _THINKING_S if answer_s is None else answer_s
    byte_chars = 2 if port.framing is Framing.ASCII else 1
    if not isinstance(port, ModbusRtuPort):
        # Behind a serial server the baud rate is unknown; 9600 8E1 is what is wired in practice.
        overhead_s = 0.02 * byte_chars + thinking_s + port.turnaround_s
        return LineTiming(0.0, overhead_s, 0.0023 * byte_chars, 0.0, byte_chars)
    bits = 1 + port.data_bits + (port.parity != "N") + port.stop_bits
    char_s = bits / port.baud
    gap_s = _FAST_LINE_GAP_S if port.baud > _FAST_BAUD else 3.5 * char_s
    frames_s = _FRAME_BYTES * byte_chars * char_s
    overhead_s = frames_s + 2 * gap_s + thinking_s + port.turnaround_s
    return LineTiming(char_s, overhead_s, 2 * byte_chars * char_s, gap_s, byte_chars)
