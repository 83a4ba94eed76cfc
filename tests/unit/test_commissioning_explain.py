"""Errors of ports and units in words that say where to look."""

import os
from pathlib import Path

import pytest

from config.points import Table
from config.ports import ModbusRtuPort, ModbusTcpPort
from edge_agent.commissioning.explain import explain, in_words, place
from edge_agent.errors import (
    DeviceGarbageError,
    DeviceRefusedError,
    DeviceTimeoutError,
    DriverError,
    PortDownError,
)

PLC = ModbusTcpPort(kind="modbus_tcp", host="plc")


def line(path: Path | str) -> ModbusRtuPort:
    return ModbusRtuPort(kind="modbus_rtu", device=str(path))


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (DeviceRefusedError("unit 3: exception 1, illegal function", code=1), "another table"),
        (DeviceRefusedError("unit 3: exception 2, illegal data address", code=2), "0-based"),
        (DeviceRefusedError("unit 3: exception 3, illegal data value", code=3), "fewer registers"),
        (DeviceRefusedError("unit 3: exception 6, device busy", code=6), "ask again"),
        (DeviceRefusedError("unit 3: exception 99, unknown exception", code=99), "its manual"),
        (DeviceTimeoutError("unit 3: no answer in time"), "unit number"),
        (DeviceGarbageError("unit 3: 7 bytes, no answer"), "two units of one number"),
    ],
)
def test_a_units_error_names_port_unit_and_register_once(error: DriverError, reported: str) -> None:
    text = explain(error, PLC, unit=3, asked=place(Table.INPUT, 100, 4))
    assert text.startswith(f"Modbus TCP plc:502, unit 3, input 100..103: {in_words(error)}")
    assert text.count("unit 3") == 1
    assert reported in text


def test_the_place_before_the_words_is_dropped_however_long() -> None:
    assert in_words(DeviceTimeoutError("unit 7, holding 0..9: no answer")) == "no answer"
    assert in_words(PortDownError("plc:502: gone")) == "plc:502: gone"


def test_a_line_that_may_not_be_opened_is_reported_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "line"
    path.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    text = explain(PortDownError(f"{path}: [Errno 13] denied"), line(path))
    assert text.startswith(f"{path} 9600 8E1: permission denied")
    assert "usermod -aG dialout" in text


def test_lines_that_are_missing_taken_or_none_are_distinguished(tmp_path: Path) -> None:
    path = tmp_path / "line"
    assert "port missing" in explain(PortDownError("x"), line(path))
    path.touch()
    assert "agent running here" in explain(PortDownError("in use by another"), line(path))
    assert explain(PortDownError(f"{path}: odd"), line(path)).endswith("9600 8E1: odd")
    ioctl = PortDownError(f"{path}: Could not configure port: (25, 'Inappropriate ioctl')")
    assert "not a serial line" in explain(ioctl, line(path))


def test_hosts_that_cannot_be_reached_are_distinguished() -> None:
    refused = PortDownError("plc:502: refused")
    refused.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert "nothing listens on TCP port 502" in explain(refused, PLC)
    slow = PortDownError("plc:502: no connection within 1 s")
    assert "ping plc" in explain(slow, PLC)
    assert (
        explain(PortDownError("plc:502: no such name"), PLC) == "Modbus TCP plc:502: no such name"
    )
    assert "check the unit number" in explain(PortDownError("3 questions unanswered"), PLC)
