"""What no agent file uses is not in the memory of its gateway."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

LOADED: Final = """
import json, sys
from pathlib import Path
from edge_agent.running import load_apart
from edge_agent.clock import SystemClock
from edge_agent.drivers.lines import Lines
from edge_agent.drivers.question import ALL_AVAILABLE
from edge_agent.planners import planner_of
from config.base import Settings

def built(kind):
    own = [kind.__name__] if kind.__pydantic_complete__ else []
    return own + [name for one in kind.__subclasses__() for name in built(one)]

gateway = load_apart(Path(sys.argv[1]))
for device in gateway.devices.values():
    port = gateway.settings.ports[device.port]
    planner = planner_of(device, port)
    for question in planner.plan(5.0, ALL_AVAILABLE):
        planner.reader(question)
    Lines().open(port, SystemClock())
print(json.dumps({"modules": sorted(sys.modules), "built": built(Settings)}))
"""
FILE: Final = """
site: s
gateway: g
ports: {{p: {port}}}
devices: {{d: {{port: p, {device}, period_s: 5, name: {{en: A, zh: 甲}}}}}}
"""
OWN: Final = {
    "modbus": "edge_agent.drivers.modbus_client",
    "dlt645": "edge_agent.drivers.dlt645",
    "cjt188": "edge_agent.drivers.cjt188",
    "reachability": "edge_agent.drivers.reachability",
    "mbus": "edge_agent.drivers.mbus",
    "osdp": "edge_agent.drivers.osdp",
}
FILES: Final = {
    "modbus": FILE.format(
        port="{kind: modbus_tcp, host: 127.0.0.1}", device="unit: 1, profile: xy-md02"
    ),
    "dlt645": FILE.format(
        port="{kind: dlt645, device: /dev/none}",
        device="meter: '201000000012', profile: dlt645-single-phase",
    ),
    "cjt188": FILE.format(
        port="{kind: cjt188, device: /dev/none}",
        device="meter: '78330011223344', profile: cjt188-water",
    ),
    "mbus": FILE.format(
        port="{kind: mbus, device: /dev/none}", device="meter: '24110001', profile: mbus-heat"
    ),
    "reachability": FILE.format(
        port="{kind: reachability}", device="host: 127.0.0.1, profile: network-host"
    ),
    "osdp": FILE.format(
        port="{kind: osdp, device: /dev/none, key_file: none, readers: {1: {}}}",
        device="unit: 1, profile: osdp-door",
    ),
}
NEVER: Final = (
    "click",
    "config.addresses",
    "config.load",
    "config.resolve",
    "config.source",
    "edge_agent.agent_file",
    "plantroom",
    "yaml",
    "edge_agent.commissioning",
    "edge_agent.listening",
    "protocols.gb26875",
    "protocols.panels",
    "config.server",
    "meterbus",
    "difflib",
    "openpyxl",
    "osdp_sys",
    "server",
    "simulators",
    "sqlalchemy",
)
PACKAGES: Final = frozenset(
    [
        "annotated_types",
        "google",
        "paho",
        "prometheus_client",
        "pydantic",
        "pydantic_core",
        "pymodbus",
        "serial",
        "structlog",
        "typing_extensions",
        "typing_inspection",
    ]
)
"""Packages that each gateway has in its memory; a further one is a decision."""
OF_TOOLS: Final = frozenset({"greenlet", "pygments", "rich"})
"""What structlog takes where the tools of a developer have brought it."""
OURS: Final = frozenset({"config", "edge_agent", "protocols"})
TABLES: Final = {
    "protocols.dlt645.identifiers": "dlt645",
    "protocols.icmp": "reachability",
    "protocols.mbus.frames": "mbus",
}


@pytest.mark.sampled(6)
@pytest.mark.parametrize("protocol", FILES)
def test_a_gateway_imports_the_drivers_of_its_ports_alone(protocol: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(FILES[protocol], "utf-8")
    command = [sys.executable, "-c", LOADED, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    loaded = set(told["modules"])
    assert OWN[protocol] in loaded
    others = {name for own, name in OWN.items() if own not in {protocol, "modbus"}}
    others |= {name for name, own in TABLES.items() if own != protocol}
    assert not loaded & others
    parts = {name.partition(".")[0] for name in loaded} | loaded
    assert not parts.intersection(NEVER)
    if protocol == "modbus":
        # What checks files is not built either, and no driver of lines is there.
        assert told["built"] == []
        assert "serial" not in loaded
    packages = {name for name in parts if "." not in name and not name.startswith(("_", "cython"))}
    assert packages - sys.stdlib_module_names - OURS - OF_TOOLS <= PACKAGES
