"""What a gateway's process is handed of its file."""

import pickle
from collections.abc import Mapping
from pathlib import Path

from config.gateway import Gateway
from config.point_kinds import AnyPoint
from edge_agent.agent_file import load, packed

FILE = """
site: s
gateway: g
ports: {p: {kind: modbus_tcp, host: 127.0.0.1}}
devices:
  one: {port: p, unit: 1, period_s: 5, name: {en: A, zh: 甲}, class: electricity_meter, points: POINTS}
  two: {port: p, unit: 2, period_s: 5, name: {en: B, zh: 乙}, class: electricity_meter, points: POINTS}
  other: {port: p, unit: 3, period_s: 9, name: {en: C, zh: 丙}, class: electricity_meter, points: POINTS}
"""  # noqa: E501 (a device a line)
POINTS = (
    "{v0: {table: holding, address: 0, type: float32}, v1: {table: coil, address: 2, type: bool}}"
)


def _points(gateway: Gateway) -> dict[str, Mapping[str, AnyPoint]]:
    return {name: device.points for name, device in gateway.devices.items()}


def test_points_that_devices_have_alike_are_one_object_and_others_are_not(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(FILE.replace("POINTS", POINTS))
    read = load(file)
    points = _points(pickle.loads(packed(read)))  # noqa: S301 (made one line before)

    assert points == _points(read)
    assert points["one"]["v0"] is points["two"]["v0"]
    assert points["one"]["v0"] is not points["one"]["v1"]
    assert points["other"]["v0"].period_s == 9
    assert points["one"]["v0"].period_s == 5
