"""How long a request occupies a port, before anything was measured (pure)."""

from typing import NamedTuple

from config.points import Table
from config.ports import Framing, ModbusPort, ModbusRtuPort, ModbusTcpPort

_BITS = frozenset({Table.COIL, Table.DISCRETE})
_FAST_LINE_GAP_S = 0.00175  # the specification's fixed silence above 19,200 baud
_FAST_BAUD = 19200
_FAR_BITS = 11  # of a character on a line whose frame is not known: 8E1, 8O1, 8N2
_FRAME_BYTES = 8 + 5  # a request, and a reply without its registers
_WRITE_BYTES = 9 + 8  # a request without its values, and its reply
_NETWORK_S = 0.001
_THINKING_S = 0.01


class LineTiming(NamedTuple):
    """The price of request_sent on one port, seconds.

    Attributes:
        char_s: One byte on the wire, on that behind a gateway as well; 0 where it is no bottleneck.
        overhead_s: Bytes, silences, turnaround and the device's thinking, per request.
        register_s: One register more in a reply.
        gap_s: Silence that we must keep between two frames.
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

    def write_wire_s(self, table: Table, count: int) -> float:
        """Time that the bytes of a write alone need, of a multiple one."""
        size = (count + 7) // 8 if table in _BITS else 2 * count
        return (_WRITE_BYTES + size) * self.byte_chars * self.char_s


def line_timing(port: ModbusPort, *, answer_s: float | None = None) -> LineTiming:
    """Return the timing of a port from its settings.

    Args:
        port: Its settings.
        answer_s: What a device and the network take to answer; default: a quick device's time.
    """
    baud = port.baud if isinstance(port, ModbusRtuPort) else port.line_baud
    if baud is None:
        network_s = _NETWORK_S if answer_s is None else answer_s
        return LineTiming(0.0, network_s + port.turnaround_s, 0.00002, 0.0)
    bits = _FAR_BITS
    if isinstance(port, ModbusRtuPort):
        bits = 1 + port.data_bits + (port.parity != "N") + port.stop_bits
    char_s = bits / baud
    gap_s = _FAST_LINE_GAP_S if baud > _FAST_BAUD else 3.5 * char_s
    ascii_letters = not isinstance(port, ModbusTcpPort) and port.framing is Framing.ASCII
    byte_chars = 2 if ascii_letters else 1
    thinking_s = _THINKING_S if answer_s is None else answer_s
    frames_s = _FRAME_BYTES * byte_chars * char_s
    overhead_s = frames_s + 2 * gap_s + thinking_s + port.turnaround_s
    # A gateway that speaks Modbus TCP keeps the silences of its line, and they take their time all
    # the same; a serial server passes on what it is given when it is given it.
    ours_s = 0.0 if isinstance(port, ModbusTcpPort) else gap_s
    return LineTiming(char_s, overhead_s, 2 * byte_chars * char_s, ours_s, byte_chars)
