"""The integrator's tools on a line with one CJ/T 188 meter."""

from pathlib import Path

from config.load import load_profiles
from config.meter_ports import Cjt188Port
from edge_agent.clock import SystemClock
from edge_agent.commissioning import flow_meter_reader
from edge_agent.commissioning.flow_meter_reader import FlowMeterWish
from edge_agent.commissioning.port_spec import NamedPort, describe, parse_port
from edge_agent.commissioning.read_command import show
from edge_agent.commissioning.search import Setting
from simulators.cjt188 import MeterSettings, SimulatedMeter, meter_unit
from simulators.equipment.flow_meters import HeatMeter
from simulators.line import LineTiming
from simulators.serial_line import SerialLine

HEAT = "11110000000002"


class Quiet:
    def note(self, text: str) -> None: ...

    def step(self, text: str) -> None: ...


def line(path: Path) -> SerialLine:
    meter = SimulatedMeter(
        "one",
        equipment=HeatMeter(seed=1, started_s=0),
        settings=MeterSettings(0x20, HEAT),
        started_s=0,
    )
    meter.hold("heat", 1234.5)
    timing = LineTiming(baud=19200)
    return SerialLine({meter_unit(0x20, HEAT): meter}, path=path, timing=timing, framing="cjt188")


def port_at(path: Path) -> Cjt188Port:
    return Cjt188Port(kind="cjt188", device=str(path), baud=19200, parity="N", timeout_s=0.5)


async def test_the_one_meter_of_a_line_is_found_and_written_down(tmp_path: Path) -> None:
    path = tmp_path / "line"
    async with line(path):
        found, said = await flow_meter_reader.scan(
            port_at(path), [Setting(19200, "N")], SystemClock(), budget_s=5, shown=Quiet()
        )
    text = "\n".join(said)
    assert found
    assert f"meter {HEAT}: CJ/T 188, type 20 (heat)" in text
    assert f'meter: "{HEAT}", profile: cjt188-heat, cjt188: {{type: "20"' in text


async def test_nobody_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "line"
    async with SerialLine({}, path=path, timing=LineTiming(baud=19200), framing="cjt188"):
        port = port_at(path).model_copy(update={"timeout_s": 0.1})
        found, said = await flow_meter_reader.scan(
            port, [Setting(19200, "N")], SystemClock(), budget_s=5, shown=Quiet()
        )
    assert not found
    assert "no meter answered" in said[-1]


async def test_fields_and_points_are_shown(tmp_path: Path) -> None:
    path, pages = tmp_path / "line", list[str]()
    async with line(path):
        port = NamedPort("line", port_at(path), stated=True)
        profile = load_profiles()["cjt188-heat"]
        for wish in (FlowMeterWish("", (), None), FlowMeterWish(HEAT, (), profile)):
            await show(port, wish, pages.append, SystemClock())
    fields, points = pages
    assert f"meter {HEAT}, type 20 (heat)" in fields
    for text in ("901F", "supply_temperature", "1234.5", "kWh", "50 34 12 00 05"):
        assert text in fields
    for text in ("heat_energy", "heat of 901F", "1234.5", "battery_low"):
        assert text in points


def test_a_line_of_such_meters_is_named_on_the_command_line() -> None:
    port = parse_port("/dev/ttyUSB0,cjt188,1200")
    assert describe(port.port) == "/dev/ttyUSB0 1200 8E1 CJ/T 188"
    assert FlowMeterWish("123", (), None).problem.startswith("--meter: expected the 14 digits")
    assert FlowMeterWish("", ("90",), None).problem.startswith("--identifier")
