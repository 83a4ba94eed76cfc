from typing import Any

import pytest

from config.base import ConflictingSettingsError, Words
from config.edge import AgentSettings
from config.gateway import Gateway
from config.load import load_classes, load_profiles
from config.profiles import Limits
from config.resolve import resolve


def resolved(devices: dict[str, Any], **ports: Any) -> Gateway:
    settings = AgentSettings.model_validate(
        {
            "site": "estate1",
            "gateway": "gw1",
            "ports": ports or {"a": {"kind": "modbus_tcp", "host": "192.0.2.1"}},
            "devices": devices,
        }
    )
    return resolve(settings, classes=load_classes(), profiles=load_profiles())


def device(**options: Any) -> dict[str, Any]:
    return {"port": "a", "name": {"en": "Thing", "zh": "物"}, **options}


def test_a_device_takes_points_class_and_names_from_its_device_file_and_class() -> None:
    room = resolved({"r": device(profile="xy-md02", unit=7)}).devices["r"]
    assert (room.id, room.port, room.unit) == ("r", "a", 7)
    assert (room.profile, room.equipment_class) == ("xy-md02", "room_climate")
    assert set(room.points) == {"temperature", "humidity"}
    assert room.points["temperature"].name == Words(en="Temperature", zh="温度")
    assert room.limits == Limits()


def test_every_point_has_period_silence_and_name_filled() -> None:
    pump = resolved({"p": device(profile="grundfos-magna3", period_s=2, max_silence_s=60)})
    for name, point in pump.devices["p"].points.items():
        assert point.period_s is not None, name
        assert point.max_silence_s is not None, name
        assert point.name is not None, name
        assert point.max_silence_s >= point.period_s, name
    assert pump.devices["p"].points["frequency"].period_s == 2
    assert pump.devices["p"].points["frequency"].max_silence_s == 60
    assert pump.devices["p"].points["energy"].period_s == 60


def test_a_point_read_rarely_is_not_expected_more_often_than_it_is_read() -> None:
    points = {"total": {"table": "input", "address": 0, "type": "uint16", "period_s": 3600}}
    total = resolved({"m": device(points=points)}).devices["m"].points["total"]
    assert (total.period_s, total.max_silence_s) == (3600, 3600)


def test_only_chooses_and_points_add_and_replace() -> None:
    points = {
        "humidity": {"table": "input", "address": 9, "type": "uint16"},
        "dew_point": {"table": "input", "address": 10, "type": "int16"},
    }
    room = resolved({"r": device(profile="xy-md02", only=["temperature"], points=points)})
    found = room.devices["r"].points
    assert list(found) == ["temperature", "humidity", "dew_point"]
    assert found["humidity"].address == 9
    assert found["dew_point"].name == Words(en="Dew point", zh="Dew point")


def test_a_device_without_device_file_and_class_has_no_class() -> None:
    points = {"counter": {"table": "holding", "address": 0, "type": "uint32"}}
    thing = resolved({"c": device(points=points)}).devices["c"]
    assert (thing.profile, thing.equipment_class) == ("", "")


def test_the_class_of_the_device_goes_before_that_of_the_device_file() -> None:
    points = {"leak": {"table": "coil", "address": 0, "type": "bool"}}
    thing = resolved({"c": device(profile="xy-md02", **{"class": "water_leak"}, points=points)})
    assert thing.devices["c"].equipment_class == "water_leak"
    assert thing.devices["c"].points["leak"].name == Words(en="Leak", zh="漏水")


def test_two_devices_may_share_port_and_unit() -> None:
    gateway = resolved({"a1": device(profile="xy-md02"), "a2": device(profile="xy-md02")})
    assert set(gateway.devices) == {"a1", "a2"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"type": "uint8", "byte": "high"}, {"type": "uint8", "byte": "low"}),
        ({"type": "bcd8", "byte": "low"}, {"type": "bit", "bit": 9}),
        (
            {"type": "enum", "bit": 0, "width": 2, "enum": {0: "off", 1: "on"}},
            {"type": "enum", "bit": 2, "width": 2, "enum": {0: "off", 1: "on"}},
        ),
        ({"type": "bitfield", "bit": 0, "width": 4}, {"type": "bitfield", "bit": 4, "width": 4}),
    ],
)
def test_parts_of_one_register_may_belong_to_two_devices_of_one_controller(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    line = {"kind": "modbus_rtu", "device": "/dev/ttyS0", "baud": 9600}
    shared = {"table": "holding", "address": 7}
    gateway = resolved(
        {
            "p1": device(points={"state": shared | first}, unit=1),
            "p2": device(points={"state": shared | second}, unit=1),
        },
        a=line,
    )
    assert list(gateway.devices) == ["p1", "p2"]


def test_unit_0_is_fine_on_tcp_and_refused_on_a_serial_line() -> None:
    assert resolved({"r": device(profile="xy-md02", unit=0)}).devices["r"].unit == 0
    with pytest.raises(ConflictingSettingsError) as refused:
        resolved(
            {"r": device(profile="xy-md02", unit=0)},
            a={"kind": "modbus_rtu", "device": "/dev/ttyS0"},
        )
    assert [conflict.path for conflict in refused.value.conflicts] == [("devices", "r", "unit")]


def test_a_device_file_that_asks_more_than_the_device_answers_is_told_at_its_name() -> None:
    with pytest.raises(ConflictingSettingsError) as refused:
        resolved({"m": device(profile="eastron-sdm120", limits={"max_registers": 1})})
    paths = {conflict.path for conflict in refused.value.conflicts}
    assert paths == {("devices", "m", "profile")}
    assert len(refused.value.conflicts) == 10


def test_all_conflicts_of_all_devices_are_told_at_once() -> None:
    with pytest.raises(ConflictingSettingsError) as refused:
        resolved({"x": device(profile="nonsense"), "y": device(), "z": device(only=["a"])})
    assert [conflict.path for conflict in refused.value.conflicts] == [
        ("devices", "x", "profile"),
        ("devices", "y"),
        ("devices", "z"),
        ("devices", "z", "only"),
    ]


def test_an_installation_sets_the_ratios_of_its_transformers() -> None:
    meters = {
        "direct": device(profile="acrel-dtsd1352"),
        "behind": device(profile="acrel-dtsd1352", ratios={"ct": 40}),
    }
    found = resolved(meters).devices
    assert found["direct"].points["active_power"].scale == 0.001
    behind = found["behind"].points
    assert behind["active_power"].scale == pytest.approx(0.04)
    assert behind["voltage_l1"].scale == 0.1
    assert behind["current_l1"].scale == pytest.approx(0.4)
    assert not any(point.factors for point in behind.values())


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"profile": "acrel-dtsd1352", "ratios": {"cd": 40}}, ("devices", "m", "ratios", "cd")),
        ({"ratios": {"ct": 40}, "points": {}}, ("devices", "m", "ratios")),
        (
            {"profile": "chint-dtsu666", "computed": {"x": {"expression": "active_powr * 2"}}},
            ("devices", "m", "computed", "x", "expression"),
        ),
    ],
)
def test_what_a_device_makes_of_its_points_is_checked(
    options: dict[str, Any], path: tuple[str, ...]
) -> None:
    with pytest.raises(ConflictingSettingsError) as refused:
        resolved({"m": device(**options)})
    assert path in [conflict.path for conflict in refused.value.conflicts]


def test_chosen_points_bring_what_they_are_made_of() -> None:
    one = device(profile="chint-dtsu666", only=["import_energy"])
    meter = resolved({"m": one}).devices["m"]
    assert set(meter.points) == {"import_energy", "ct_ratio", "pt_ratio"}
    # They are read with what they scale, not more often.
    assert {point.period_s for point in meter.points.values()} == {60}


def test_a_computed_point_follows_the_fastest_of_its_points() -> None:
    computed = {"net": {"expression": "import_energy - export_energy + 0 * frequency"}}
    meter = resolved({"m": device(profile="chint-dtsu666", computed=computed)}).devices["m"]
    assert meter.computed["net"].period_s == 5
    assert meter.computed["net"].max_silence_s == 300
    assert meter.computed["net"].name == Words(en="Net", zh="Net")
    assert list(meter.reported)[-1] == "net"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("max(import_energy)", "max takes two values or more"),
        ("abs(import_energy, 2)", "abs takes one value"),
        ("min() + import_energy", "min takes two values or more"),
        ("import_energy in 3", "in needs a list"),
        ("import_energy == (1, 2)", "a list stands behind in"),
        ("(import_energy, 2)", "a list stands"),
        ("-" * 450 + "import_energy", "nested deeper"),
        ("import_energy +", "broken at position"),
        ("import_energy ** 2", "not allowed"),
        ("__import__('os')", "no function"),
        ("import_energy.real", "not allowed"),
        ("f'{import_energy}'", "not allowed"),
        ("(lambda: 1)()", "can be called"),
    ],
)
def test_expressions_that_have_no_result_are_refused(expression: str, message: str) -> None:
    computed = {"x": {"expression": expression}}
    with pytest.raises(ConflictingSettingsError) as refused:
        resolved({"m": device(profile="chint-dtsu666", computed=computed)})
    assert message in refused.value.conflicts[0].message


@pytest.mark.long
def test_a_long_chain_of_computed_points_is_resolved_at_once() -> None:
    computed = {"x0": {"expression": "import_energy"}, "x1": {"expression": "x0 + 1"}}
    computed |= {
        f"x{number}": {"expression": f"x{number - 1} + x{number - 2}"} for number in range(2, 300)
    }
    meter = resolved({"m": device(profile="chint-dtsu666", computed=computed)}).devices["m"]
    assert meter.computed["x299"].period_s == 60


def test_what_is_made_of_a_count_that_reading_empties_is_reported_each_time() -> None:
    points = {
        "pulses": {"table": "holding", "address": 1, "type": "uint16", "clear_on_read": True},
        "level": {"table": "holding", "address": 9, "type": "uint16"},
    }
    computed = {
        "litres": {"expression": "pulses * 10"},
        "more": {"expression": "litres + 1"},
        "half": {"expression": "level / 2"},
    }
    counter = resolved({"m": device(points=points, computed=computed)}).devices["m"]
    assert [one.report_all for one in counter.computed.values()] == [True, True, False]


def test_a_state_has_the_words_of_its_file_then_its_list_then_its_class() -> None:
    lift = resolved(
        {
            "l": device(
                **{"class": "elevator"},
                points={
                    "mode": {
                        "table": "holding",
                        "address": 0,
                        "type": "enum",
                        "enum": {0: "normal", 1: "inspection"},
                        "words": {"normal": {"en": "In service", "zh": "投用"}},
                    },
                    "second_mode": {
                        "table": "holding",
                        "address": 1,
                        "type": "enum",
                        "enum_from": "elevator_mode.platform_b",
                    },
                    "light": {
                        "table": "holding",
                        "address": 2,
                        "type": "enum",
                        "enum": {0: "normal"},
                    },
                    "door_open": {"table": "coil", "address": 0, "type": "bool"},
                },
            )
        }
    ).devices["l"]
    said = {
        name: {state: one.zh for state, one in words.items()}
        for name, words in lift.state_words.items()
    }
    assert said == {
        "mode": {"normal": "投用", "inspection": "检修"},
        "second_mode": {"normal": "正常运行", "inspection": "检修", "out_of_service": "停止服务"},
    }


def test_a_valve_of_a_meter_has_the_words_of_its_class() -> None:
    meter = resolved(
        {"m": device(profile="cjt188-water", meter="78330011223344")},
        a={"kind": "cjt188", "device": "/dev/ttyS0"},
    ).devices["m"]
    assert {state: one.zh for state, one in meter.state_words["valve"].items()} == {
        "open": "开",
        "closed": "关",
        "fault": "故障",
        "unknown": "未知",
    }
