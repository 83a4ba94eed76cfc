"""Report by exception and interlocks, as far as a file can be wrong about them."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.errors import ConfigError
from config.interlock import Place, compile_interlock
from config.load import load_agent
from config.points import DataType, Point
from tests.fakes.devices import point

DEVICES = {"tank": ["level", "run"], "pump-1": ["fault"], "a.b": ["c"], "a": ["b.d"]}


@pytest.mark.parametrize("given", [0.5, {"absolute": 0.5}])
def test_a_number_is_an_absolute_deadband(given: Any) -> None:
    assert point(0, deadband=given).deadband.absolute == 0.5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"deadband": -1}, "0 or more"),
        ({"deadband": "1%"}, "{percent: 2}"),
        ({"deadband": {"percent": 1, "of_span": 1}}, "{percent: 2}"),
        ({"deadband": {}}, "{percent: 2}"),
        ({"deadband": {"of_span": 1}}, "needs span"),
        ({"span": [5, 5]}, "must grow"),
        ({"min_interval_s": 400.0}, "longer than max_silence_s 300"),
        ({"type": DataType.BOOL, "deadband": 1}, "deadband means nothing"),
        ({"type": DataType.BOOL, "totalizer": True}, "totalizer means nothing"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        point(0, **options)


@pytest.mark.parametrize(
    ("kind", "scale", "wraps_at"),
    [
        (DataType.UINT16, 0.1, 6553.6),
        (DataType.UINT32, 1.0, 2.0**32),
        (DataType.BCD32, 0.01, 1e6),
        (DataType.INT32, 1.0, None),
        (DataType.FLOAT32, 1.0, None),
    ],
)
def test_a_total_wraps_at_its_raw_width(
    kind: DataType, scale: float, wraps_at: float | None
) -> None:
    total: Point = point(0, type=kind, scale=scale, totalizer=True)
    assert total.wraps_at == (wraps_at if wraps_at is None else pytest.approx(wraps_at))
    assert point(0, type=kind, scale=scale).wraps_at is None


def test_an_interlock_reads_points_of_its_own_device_and_of_others() -> None:
    lock = compile_interlock("level < 2 and not {pump-1.fault}", "tank", DEVICES)
    level, fault = Place("tank", "level"), Place("pump-1", "fault")
    assert set(lock.places) == {level, fault}
    assert lock.holds({level: 1.5, fault: False}) is True
    assert lock.holds({level: 1.5, fault: True}) is False
    assert lock.holds({level: 1.5}) is None


def test_devices_and_points_with_dots_are_told_apart() -> None:
    lock = compile_interlock("{a.b.c} == {a.b.d}", "tank", DEVICES)
    assert set(lock.places) == {Place("a.b", "c"), Place("a", "b.d")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("level < 2 and {pump-1.falt}", "no point {pump-1.falt} on this gateway; did you mean"),
        ("levle < 2", "did you mean 'level'"),
        ("level <", "broken at position"),
        ("{pump-1.fault}.real", "position 1: Attribute is not allowed"),
    ],
)
def test_a_wrong_interlock_says_where(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        compile_interlock(text, "tank", DEVICES)
    assert said in str(refused.value)


def test_a_file_with_a_wrong_interlock_is_refused_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    point = "{table: holding, address: 0, type: uint16, writable: {interlock: 'levle < 2'}}"
    file.write_text(
        "site: s\ngateway: g\nports: {p: {kind: modbus_tcp, host: h}}\ndevices:\n"
        "  tank:\n    port: p\n    name: {en: Tank, zh: 水箱}\n    points:\n"
        f"      inlet: {point}\n      level: {{table: input, address: 0, type: uint16}}\n",
        "utf-8",
    )
    with pytest.raises(ConfigError) as refused:
        load_agent(file)
    said = str(refused.value)
    assert "devices.tank.points.inlet.writable.interlock" in said
    assert "agent.yaml:9" in said
    assert "did you mean 'level'" in said
    file.write_text(file.read_text("utf-8").replace("levle", "level"), "utf-8")
    assert load_agent(file).devices["tank"].points["inlet"].writable is not None
