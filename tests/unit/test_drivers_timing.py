"""What a request costs on a line, from its settings alone."""

import pytest

from config.points import Table
from config.ports import Framing, ModbusRtuOverTcpPort, ModbusRtuPort, ModbusTcpPort
from edge_agent.drivers.timing import line_timing


def line(**settings: object) -> ModbusRtuPort:
    return ModbusRtuPort.model_validate({"kind": "modbus_rtu", "device": "/dev/x", **settings})


def test_the_bytes_of_a_read_take_as_long_as_at_9600_8e1() -> None:
    # 8 bytes of request, 5 + 20 of reply, 11 bits each.
    seconds = line_timing(line()).wire_s(Table.HOLDING, 10)
    assert seconds == pytest.approx(33 * 11 / 9600)


def test_ascii_takes_two_letters_for_each_byte() -> None:
    letters = line_timing(line(framing=Framing.ASCII))
    plain = line_timing(line())
    assert letters.wire_s(Table.HOLDING, 10) == pytest.approx(2 * plain.wire_s(Table.HOLDING, 10))
    assert letters.register_s == pytest.approx(2 * plain.register_s)


def test_seven_bits_and_no_parity_are_shorter_characters() -> None:
    short = line_timing(line(framing=Framing.ASCII, data_bits=7, parity="N"))
    assert short.char_s == pytest.approx(9 / 9600)


def test_seven_bits_carry_no_rtu() -> None:
    with pytest.raises(ValueError, match="framing: ascii"):
        line(data_bits=7)


@pytest.mark.parametrize(
    ("baud", "silence_s"), [(9600, 3.5 * 11 / 9600), (19200, 3.5 * 11 / 19200), (115200, 0.00175)]
)
def test_the_silence_between_frames_is_the_specifications(baud: int, silence_s: float) -> None:
    assert line_timing(line(baud=baud)).gap_s == pytest.approx(silence_s)


def test_a_network_is_not_counted_in_characters() -> None:
    port = ModbusTcpPort(kind="modbus_tcp", host="h")
    assert line_timing(port).wire_s(Table.HOLDING, 125) == 0.0


def test_a_serial_server_with_ascii_is_slower_than_with_rtu() -> None:
    rtu = ModbusRtuOverTcpPort(kind="modbus_rtu_over_tcp", host="h")
    letters = rtu.model_copy(update={"framing": Framing.ASCII})
    assert line_timing(letters).overhead_s > line_timing(rtu).overhead_s
