"""What may be commanded."""

from math import inf, nan
from typing import Any

import pytest

from config.coding import Encoding
from config.points import DataType, Table
from config.writable import Writable
from edge_agent.commands.rules import Command, check
from edge_agent.errors import CommandError
from protocols.reading import Value
from tests.fakes.devices import point

NOW = 1_795_000_000_000
RANGE = Writable(minimum=10, maximum=60)
MODES = {0: "off", 1: "auto", 7: "manual"}


def checked(value: Value, *, expires_at: int | None = None, **options: Any) -> Value:
    options = {"writable": RANGE} | options
    command = Command("k", "d", "p", value, "operator", NOW, expires_at)
    return check(command, point(0, **options), NOW)


@pytest.mark.parametrize(
    ("options", "value", "result"),
    [
        ({}, 10, 10),
        ({}, 60, 60),
        ({"type": DataType.FLOAT32}, 20.5, 20.5),
        ({"scale": 0.1}, 20.5, 20.5),
        ({"type": DataType.BOOL}, True, True),
        ({"type": DataType.BIT, "bit": 2}, 1, True),
        ({"table": Table.COIL, "type": DataType.BOOL}, 0.0, False),
        ({"type": DataType.ENUM, "enum": MODES, "writable": Writable()}, "auto", "auto"),
        ({"type": DataType.ENUM, "enum": MODES, "writable": Writable()}, 0, "off"),
        ({"type": DataType.STRING, "length": 2}, "abcd", "abcd"),
    ],
)
def test_values_in_range_pass(options: dict[str, Any], value: Value, result: Value) -> None:
    assert checked(value, **options) == result


@pytest.mark.parametrize(
    ("options", "value", "message"),
    [
        ({"writable": None}, 20, "read only"),
        ({}, 9.0, "outside 10 to 60"),
        ({}, 61, "outside 10 to 60"),
        ({}, 20.5, "whole number"),
        ({}, "20", "expected a number"),
        ({}, True, "expected a number"),
        ({}, None, "expected a number"),
        ({"type": DataType.FLOAT32}, nan, "NaN"),
        ({"type": DataType.FLOAT32}, inf, "NaN or infinity"),
        ({"type": DataType.BOOL}, 2, "true or false"),
        ({"type": DataType.BOOL}, "on", "true or false"),
        ({"type": DataType.BOOL}, nan, "true or false"),
        ({"type": DataType.ENUM, "enum": MODES}, "boost", "one of off, auto, manual"),
        ({"type": DataType.ENUM, "enum": MODES, "writable": Writable()}, "manual", "outside"),
        ({"type": DataType.ENUM, "enum": MODES}, True, "one of"),
        ({"type": DataType.STRING, "length": 2}, "abcde", "at most 4 bytes of ascii, got 5"),
        (
            {"type": DataType.STRING, "length": 2, "encoding": Encoding.GBK},
            "水泵房",
            "at most 4 bytes of gbk, got 6",
        ),
        ({"type": DataType.STRING, "length": 2}, 5, "expected text"),
    ],
)
def test_everything_else_is_refused(options: dict[str, Any], value: Value, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        checked(value, **options)


def test_a_command_expires() -> None:
    assert checked(20, expires_at=NOW) == 20
    with pytest.raises(CommandError, match="expired"):
        checked(20, expires_at=NOW - 1)


@pytest.mark.parametrize(
    ("given_s", "expires_s", "valid_s", "refusal"),
    [
        (0, None, 60, ""),
        (-59, None, 60, ""),
        (-61, None, 60, "expired"),
        (-6, None, 5, "expired"),
        (-6, -1, 60, "expired"),
        (-61, 100, 60, "expired"),
        (59, None, 60, ""),
        (61, None, 60, "61 s in the future; the clocks disagree"),
    ],
)
def test_a_command_has_an_age(
    given_s: int, expires_s: int | None, valid_s: float, refusal: str
) -> None:
    expires_at = None if expires_s is None else NOW + expires_s * 1000
    command = Command("k", "d", "p", 20, "operator", NOW + given_s * 1000, expires_at)
    allowed = point(0, writable=Writable(maximum=60, valid_s=valid_s))
    if not refusal:
        assert check(command, allowed, NOW) == 20
        return
    with pytest.raises(CommandError, match=refusal):
        check(command, allowed, NOW)
