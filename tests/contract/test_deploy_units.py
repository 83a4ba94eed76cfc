"""The units for systemd start commands that exist, and are as closed as they claim."""

import os
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from edge_agent.__main__ import cli as agent_cli
from server.__main__ import cli as server_cli
from tests.victoria import FLAGS

DEPLOY = Path(__file__).parents[2] / "deploy"
CLIS = {"agent": agent_cli, "server": server_cli}
PARTS = ("ingest@", "api@", "jobs")
"""Units of a server that is several processes."""
HARDENED = {
    "nonewprivileges": "yes",
    "capabilityboundingset": "",
    "protectsystem": "strict",
    "protecthome": "yes",
    "restrictnamespaces": "yes",
    "user": "plantroom",
}


def service(name: str) -> dict[str, str]:
    parser = RawConfigParser(strict=False)
    parser.read(DEPLOY / f"plantroom-{name}.service", "utf-8")
    return dict(parser["Service"])


def lines(name: str, key: str) -> list[str]:
    """A key that may be given several times, in its order."""
    text = (DEPLOY / f"plantroom-{name}.service").read_text("utf-8")
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


@pytest.mark.parametrize("name", CLIS)
def test_the_unit_starts_a_command_that_exists(name: str) -> None:
    program, which, verb, file = service(name)["execstart"].split()
    assert (Path(program).name, which, Path(file).name) == ("plantroom", name, f"{name}.yaml")
    assert CliRunner().invoke(CLIS[name], [verb, "--help"]).exit_code == 0


@pytest.mark.parametrize(
    ("name", "instance", "arguments"),
    [
        ("ingest@", "1-2", ["--roles", "ingest", "--shard", "1/2"]),
        ("api@", "8081", ["--roles", "api", "--http-port", "8081"]),
        ("jobs", "", ["--roles", "jobs"]),
    ],
)
def test_the_units_of_a_divided_server_start_their_part(
    name: str, instance: str, arguments: list[str], tmp_path: Path
) -> None:
    # As systemd does: %I has "/" for "-".
    start = service(name)["execstart"].replace("%i", instance)
    start = start.replace("%I", instance.replace("-", "/"))
    _, which, verb, _, *rest = start.split()
    assert rest == arguments
    file = tmp_path / "server.yaml"
    file.write_text("{}")
    refused = CliRunner().invoke(CLIS[which], [verb, str(file), *rest])
    assert refused.exit_code == 2
    assert "this server is one process: the records are in SQLite" in refused.output


@pytest.mark.parametrize("name", PARTS)
def test_the_units_of_a_divided_server_are_as_closed_as_that_of_a_whole_one(name: str) -> None:
    def without_start(unit: dict[str, str]) -> dict[str, str]:
        return {key: value for key, value in unit.items() if key != "execstart"}

    assert without_start(service(name)) == without_start(service("server"))
    text = (DEPLOY / f"plantroom-{name}.service").read_text("utf-8")
    assert "Conflicts=plantroom-server.service" in text.splitlines()


def test_the_compose_file_starts_each_part_once() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    starts = {
        tuple(one["command"][2:6])
        for name, one in compose["services"].items()
        if one.get("image") == "plantroom" and name != "init"
    }
    assert starts == {
        ("--roles", "ingest", "--shard", "1/2"),
        ("--roles", "ingest", "--shard", "2/2"),
        ("--roles", "api", "--http-port", "8080"),
        ("--roles", "jobs"),
    }
    assert set(FLAGS) <= set(compose["services"]["victoria"]["command"])
    for one in compose["services"].values():
        for volume in one.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("./site") or source in compose["volumes"]


@pytest.mark.parametrize("name", CLIS)
def test_the_unit_is_hardened(name: str) -> None:
    unit = service(name)
    assert {key: unit[key] for key in HARDENED} == HARDENED


def test_the_agent_gives_signs_of_life() -> None:
    unit = service("agent")
    assert unit["type"] == "notify"
    assert float(unit["watchdogsec"]) >= 10
    assert unit["supplementarygroups"] == "dialout"


def test_the_agent_may_ask_whether_the_clock_is_right_and_may_not_set_it() -> None:
    lines = (DEPLOY / "plantroom-agent.service").read_text("utf-8").splitlines()
    filters = [line for line in lines if line.startswith("SystemCallFilter=")]
    # The last one wins; both names, because the C library chooses.
    assert filters[-1] == "SystemCallFilter=adjtimex clock_adjtime clock_adjtime64"
    assert "ProtectClock=yes" not in lines
    assert {"CapabilityBoundingSet=", "AmbientCapabilities="} <= set(lines)


def test_a_wrong_file_fails_the_reload_before_it_is_asked_for() -> None:
    check, hang_up = lines("agent", "ExecReload")
    program, which, verb, file = check.split()
    assert (Path(program).name, which, verb) == ("plantroom", "agent", "check")
    assert file == service("agent")["execstart"].split()[-1]
    assert hang_up == "/bin/kill -HUP $MAINPID"


def test_the_agent_may_use_the_serial_lines_of_gateways_and_no_other_device() -> None:
    allowed = lines("agent", "DeviceAllow")
    kinds = ("ttyS", "ttyUSB", "ttyACM", "ttyAMA", "ttymxc", "ttyO", "ttySC", "ttyAS", "ttySTM")
    assert allowed == [f"char-{kind} rw" for kind in kinds]
    assert service("agent")["devicepolicy"] == "closed"


@pytest.mark.parametrize("name", [*CLIS, *PARTS])
def test_systemd_understands_the_unit(name: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    # Where nobody can be asked the tests above still hold; .ci/run installs it.
    if analyze is None and "CI" not in os.environ:
        return
    assert analyze is not None, "systemd-analyze is missing: apt-get install systemd"
    text = (DEPLOY / f"plantroom-{name}.service").read_text("utf-8")
    unit = tmp_path / f"plantroom-{name}.service"
    unit.write_text(text.replace("/opt/plantroom/bin/plantroom", "/bin/true"))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    problems = [line for line in done.stderr.splitlines() if unit.name in line]
    assert problems == []


def test_the_backup_is_made_every_night_by_a_command_that_exists() -> None:
    unit = service("backup")
    program, which, verb, file, folder, option, count = unit["execstart"].split()
    assert (Path(program).name, which, verb) == ("plantroom", "server", "backup")
    assert file == service("server")["execstart"].split()[-1]
    assert (option, int(count) > 1) == ("--keep", True)
    assert option in CliRunner().invoke(server_cli, [verb, "--help"]).output
    written = unit["readwritepaths"].split()
    assert written == [folder, f"/var/lib/{service('server')['statedirectory']}"]
    assert "OnCalendar=" in (DEPLOY / "plantroom-backup.timer").read_text("utf-8")
    assert {key: unit[key] for key in HARDENED} == HARDENED
