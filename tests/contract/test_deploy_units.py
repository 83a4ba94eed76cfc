"""The units for systemd start commands that exist, and are as closed as they claim."""

import os
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.__main__ import cli as agent_cli
from server.__main__ import cli as server_cli

DEPLOY = Path(__file__).parents[2] / "deploy"
CLIS = {"agent": agent_cli, "server": server_cli}
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


@pytest.mark.parametrize("name", CLIS)
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
