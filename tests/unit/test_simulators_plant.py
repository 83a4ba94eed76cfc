"""Units behind registers, the estate file, and the agent file made from it."""

import struct
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.errors import ConfigError
from config.load import load_agent
from config.osdp_keys import load_reader_keys
from config.points import Point
from protocols.errors import ValueRangeError
from protocols.reading import Value
from simulators.agent_file import (
    addresses_of,
    agent_file_for,
    agent_file_text,
    fixed_addresses,
)
from simulators.clock import SystemClock
from simulators.counter import BenchDevice, Counter
from simulators.errors import UnknownNameError
from simulators.estate import CentreEndpoint, Estate, Step, counter_points, load_estate, points_of
from simulators.estate_parts import EstatePanel, EstateParts
from simulators.line import Responder
from simulators.plant import Plant
from simulators.slave import Bank
from simulators.wire import from_registers
from simulators.wire_settings import FireTransmitter

START_S = 1_795_000_000.0
EXAMPLE = Path(str(resources.files("simulators").joinpath("estate.yaml")))
_FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}


class Noted:
    """A unit that speaks by itself; it notes what happens to it."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def happen(self, event: str) -> None:
        self.events.append(event)


@pytest.fixture
def plant() -> Plant:
    estate = load_estate(EXAMPLE)
    parts = {name: Noted() for name, unit in estate.units.items() if unit.speaks_itself}
    return Plant(estate, started_s=START_S, parts=parts)


def _asked(unit: Responder, pdu: str, now_s: float = START_S) -> str:
    reply = unit.respond(bytes.fromhex(pdu), now_s).pdu
    return "" if reply is None else reply.hex().upper()


def _read(plant: Plant, name: str, point: Point, now_s: float) -> Value:
    unit = plant.estate.units[name]
    request = struct.pack(">BHH", _FUNCTIONS[point.table.value], point.address, point.words)
    reply = plant.responders(unit.endpoint)[unit.unit].respond(request, now_s).pdu
    assert reply is not None
    assert reply[0] == request[0], f"{name} refuses: {reply.hex()}"
    if point.table.value in {Bank.COIL, Bank.DISCRETE}:
        return bool(reply[2] & 1)
    return from_registers(point, struct.unpack(f">{point.words}H", reply[2:]))


def test_every_point_of_the_example_shows_what_its_model_says(plant: Plant) -> None:
    seen = 0
    for name, unit in plant.estate.units.items():
        if unit.unit is None:
            continue  # no registers
        shown = plant.units[name].equipment.values(START_S + 5)
        for point_name, point in points_of(unit).items():
            value = _read(plant, name, point, START_S + 5)
            expected = shown.get(point_name)
            seen += expected is not None
            if isinstance(expected, float):
                assert value == pytest.approx(expected, abs=point.scale, rel=1e-5), point_name
            elif expected is not None:
                assert value == expected, point_name
    assert seen > 150


def test_the_script_of_the_example_trips_a_pump_within_20_seconds_and_clears_it(
    plant: Plant,
) -> None:
    fault = points_of(plant.estate.units["pump-2"])["fault"]
    assert plant.advance(START_S + 11.9) == []
    assert [step.do for step in plant.advance(START_S + 12)] == ["trip"]
    assert _read(plant, "pump-2", fault, START_S + 12) is True
    assert _read(plant, "pump-1", fault, START_S + 12) is False
    plant.advance(START_S + 90)
    assert _read(plant, "pump-2", fault, START_S + 90) is False
    plant.advance(START_S + 100_000)
    assert plant.next_due_s() is None


def test_another_seed_gives_other_values() -> None:
    estate = load_estate(EXAMPLE)
    values = [
        Plant(estate, started_s=START_S, seed=seed).get("room-1", "temperature", START_S)
        for seed in (1, 1, 2)
    ]
    assert values[0] == values[1] != values[2]


def test_a_point_holds_a_value_until_it_is_cleared(plant: Plant) -> None:
    point = points_of(plant.estate.units["room-1"])["temperature"]
    plant.do(Step(unit="room-1", do="set", point="temperature", value=4.5), START_S)
    assert _read(plant, "room-1", point, START_S) == 4.5
    assert plant.get("room-1", "temperature", START_S + 50) == 4.5
    plant.do(Step(unit="room-1", do="clear"), START_S)
    assert _read(plant, "room-1", point, START_S) != 4.5


def test_a_frozen_point_stays_while_the_others_go_on(plant: Plant) -> None:
    plant.do(Step(unit="meter-a", do="freeze", point="import_energy"), START_S)
    frozen, moving = (
        plant.get("meter-a", point, START_S + 3600) != plant.get("meter-a", point, START_S)
        for point in ("import_energy", "total_energy")
    )
    assert (frozen, moving) == (False, True)


def test_a_value_can_be_not_available(plant: Plant) -> None:
    plant.do(Step(unit="pump-1", do="set", point="flow", value=None), START_S)
    pump = plant.responders("plant-room")[1]
    assert _asked(pump, "04012D0001") == "0402FFFF"


def test_what_does_not_exist_is_refused_and_what_exists_is_listed(plant: Plant) -> None:
    with pytest.raises(UnknownNameError, match="pump-1"):
        plant.do(Step(unit="pump-9", do="trip"), START_S)
    with pytest.raises(UnknownNameError, match="dry_run"):
        plant.do(Step(unit="pump-1", do="explode"), START_S)
    with pytest.raises(UnknownNameError, match="frequency"):
        plant.do(Step(unit="pump-1", do="set", point="colour", value=1), START_S)
    with pytest.raises(ValueRangeError):
        plant.do(Step(unit="pump-1", do="set", point="flow", value=1e9), START_S)
    assert plant.get("pump-1", "flow", START_S) != 1e9


def test_a_master_commands_the_pump_and_reads_the_effect(plant: Plant) -> None:
    pump = plant.responders("plant-room")[1]
    run = points_of(plant.estate.units["pump-1"])["run"]
    assert _asked(pump, "0600640001") == "0600640001"
    assert _read(plant, "pump-1", run, START_S) is False
    assert _asked(pump, "0300640001") == "03020001"
    assert _asked(pump, "0600640003") == "0600640003"
    assert _read(plant, "pump-1", run, START_S) is True


def test_a_write_that_no_model_obeys_is_read_back(plant: Plant) -> None:
    sump = plant.responders("basement")[1]
    assert _asked(sump, "0600290000") == "0600290000"
    assert _asked(sump, "0300290001", START_S + 60) == "03020000"


@pytest.mark.parametrize(
    ("pdu", "reply"),
    [
        ("0600640008", "8603"),  # control bits go to 7
        ("0600650063", "8603"),  # no such control mode
        ("0600660001", "8602"),  # reserved register
        ("0600C80001", "8602"),  # read only
    ],
)
def test_a_pump_refuses_a_wrong_write(plant: Plant, pdu: str, reply: str) -> None:
    assert _asked(plant.responders("plant-room")[1], pdu) == reply


def test_reserved_registers_between_points_read_zero_and_far_ones_are_illegal(
    plant: Plant,
) -> None:
    meter = plant.responders("meter-room")[1]
    assert _asked(meter, "0400100002") == "040400000000"
    assert _asked(meter, "0400640002") == "8402"


def test_the_counter_grows_by_one_with_every_read_of_it() -> None:
    counter = Counter()
    assert [_asked(counter, "0300000002") for _ in range(3)] == [
        "030400000001",
        "030400000002",
        "030400000003",
    ]
    _asked(counter, "0300020004")
    assert counter.reads == 3
    assert Counter(start=0xFFFF)._space.banks[Bank.HOLDING][1] == 0xFFFF


def test_a_block_of_the_counter_comes_from_one_read() -> None:
    counter = Counter()
    block = b""
    for _ in range(5):
        block = counter.respond(bytes.fromhex("0300000026"), 0.0).pdu or b""
    values = struct.unpack(">I18f", block[2:])
    assert values[0] == 5
    assert values[1:] == pytest.approx([5 + k / 100 for k in range(18)])
    assert len(counter_points()) == 19


def test_a_bench_device_says_which_read_it_was_and_changes_every_value() -> None:
    device = BenchDevice()
    blocks = [
        struct.unpack(">20f", (device.respond(bytes.fromhex("0300000028"), 0.0).pdu or b"")[2:])
        for _ in range(2)
    ]
    assert [block[0] for block in blocks] == [1, 2]
    assert all(a != b for a, b in zip(*blocks, strict=True))
    assert device.reads == 2
    assert _asked(device, "0300280001") == "8302"
    assert _asked(device, "0300020002").startswith("0304")


def _estate(**changes: object) -> dict[str, Any]:
    name = {"en": "Counter", "zh": "计数器"}
    unit = {"endpoint": "tcp", "unit": 1, "equipment": "counter", "name": name}
    content: dict[str, Any] = {
        "endpoints": {"tcp": {"kind": "modbus_tcp"}},
        "units": {"counter": unit},
    }
    return content | changes


def test_the_agent_file_polls_exactly_the_estate(tmp_path: Path) -> None:
    estate = load_estate(EXAMPLE)
    ready = {
        "endpoints": {
            name: {"kind": endpoint.kind, "host": "127.0.0.1", "port": 1500 + at, "path": name}
            for at, (name, endpoint) in enumerate(estate.endpoints.items())
        }
    }
    content = agent_file_for(estate, addresses_of(ready), mqtt={"port": 1999}, status={"port": 0})
    path = tmp_path / "agent.yaml"
    path.write_text(agent_file_text(content), encoding="utf-8")
    gateway = load_agent(path)
    assert gateway.settings.mqtt.port == 1999
    assert gateway.settings.status.port == 0
    assert gateway.settings.linkages == estate.linkages
    assert {name: one.port for name, one in gateway.devices.items()} == {
        name: unit.endpoint for name, unit in estate.units.items()
    }
    for name, device in gateway.devices.items():
        unit = estate.units[name]
        speaker = unit.wire or unit.fire or unit.osdp
        assert str(device.unit) == (speaker.address if speaker else str(unit.unit))
        if unit.unit is not None:
            assert set(device.points) == set(points_of(unit))


def test_what_speaks_by_itself_is_told_what_happens_to_it(plant: Plant) -> None:
    plant.advance(START_S + 100_000)
    events = {name: part.events for name, part in plant._parts.items()}  # type: ignore[attr-defined]
    assert events == {"fire-panel-1": ["fire", "clear"], "door-1": ["card", "leave", "clear"]}


def test_a_fire_panel_has_its_own_events_and_a_reset() -> None:
    settings = FireTransmitter(source=889, components=((3, 12, "a"), (0, 4, "b")))
    centre = CentreEndpoint(kind="gb26875_tcp", port=5200)
    panel = EstatePanel("panel", settings, centre=centre, clock=SystemClock())
    for event in ("fire", "fire", "clear", "clear"):
        panel.happen(event)
    # Two fires and one reset wait for the centre; a panel without events has nothing to reset.
    assert len(panel.device._queue) == 3
    with pytest.raises(UnknownNameError, match="no event 'trip' of panel"):
        panel.happen("trip")


async def test_the_keys_of_readers_are_made_for_their_owner_only(tmp_path: Path) -> None:
    content = _estate(
        endpoints={
            "tcp": {"kind": "modbus_tcp"},
            "doors": {
                "kind": "osdp_pty",
                "path": str(tmp_path / "line"),
                "key_file": str(tmp_path / "keys"),
            },
        }
    )
    door = {"endpoint": "doors", "osdp": {"number": 5}, "equipment": "door"}
    content["units"]["door"] = door | {"name": content["units"]["counter"]["name"]}
    for _ in range(2):
        parts = EstateParts(Estate.model_validate(content), SystemClock())
        async with parts:
            for event in ("card", "leave", "clear", "force"):
                parts.units["door"].happen(event)
            assert parts.lines["doors"].readers[5].inputs == [1, 0, 0, 0]
            with pytest.raises(UnknownNameError, match="no event 'trip' of door"):
                parts.units["door"].happen("trip")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert list(load_reader_keys(tmp_path / "keys")) == [5]


def test_the_agent_file_of_a_counter_reports_every_reading(tmp_path: Path) -> None:
    estate = Estate.model_validate(_estate())
    path = tmp_path / "agent.yaml"
    addresses = {"tcp": fixed_addresses(estate)["tcp"]._replace(port=1502)}
    path.write_text(agent_file_text(agent_file_for(estate, addresses)), encoding="utf-8")
    points = load_agent(path).devices["counter"].points
    assert len(points) == 19
    assert all(point.report_all for point in points.values())


_UNIT = _estate()["units"]["counter"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_estate(units={"c": _UNIT | {"endpoint": "udp"}}), r"units\.c\.endpoint: .*tcp"),
        (_estate(units={"a": _UNIT, "b": _UNIT}), r"units\.b\.unit: address 1 is taken by 'a'"),
        (
            _estate(units={"p": _UNIT | {"equipment": "pump", "profile": "x"}}),
            r"units\.p\.profile: no device file 'x'; .*grundfos-magna3",
        ),
        (_estate(units={"p": _UNIT | {"equipment": "pump"}}), "needs a profile or points"),
        (_estate(units={"p": _UNIT | {"equipment": "pomp"}}), "pomp"),
        (_estate(script=[{"at_s": 1, "unit": "d", "do": "trip"}]), r"script\.0\.unit: no unit"),
        (_estate(script=[{"at_s": 1, "unit": "counter", "do": "fault"}]), "needs kind: offline"),
        (_estate(script=[{"at_s": 1, "unit": "counter", "do": "set"}]), "needs point"),
        (_estate(endpoints={"tcp": {"kind": "modbus_tcp", "prot": 1}}), r"endpoints\.tcp\.prot"),
        (_estate(endpoints={}), "endpoints"),
    ],
)
def test_a_wrong_estate_is_refused_with_its_path(
    tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    path = tmp_path / "estate.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_estate(path)


def test_an_unknown_event_in_a_script_is_refused_with_what_exists(tmp_path: Path) -> None:
    content = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    content["script"] = [{"at_s": 1, "unit": "pump-1", "do": "explode"}]
    path = tmp_path / "estate.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"script\.0\.do: .*trip"):
        load_estate(path)
