"""What plantroom agent says of a file before it runs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.__main__ import cli

SLOW = """
site: estate1
gateway: gw1
ports:
  riser: {kind: modbus_rtu, device: /dev/ttyS9, baud: 1200}
devices:
  p1: {port: riser, profile: xy-md02, period_s: PERIOD, name: {en: Room, zh: 室}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.yaml"


@pytest.mark.parametrize(("period", "warned"), [("0.1", True), ("60", False)])
def test_check_warns_of_a_port_that_is_asked_for_more_than_its_time(
    file: Path, period: str, *, warned: bool
) -> None:
    file.write_text(SLOW.replace("PERIOD", period), "utf-8")
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert done.exit_code == 0
    assert ("warning port riser is asked for" in done.stderr) is warned
    assert "longer period" in done.stderr or not warned


def test_check_shows_the_journal_where_the_service_keeps_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(SLOW.replace("PERIOD", "60"), "utf-8")
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/state:{tmp_path}/other")
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert f"journal {tmp_path}/state/journal.sqlite" in done.stdout
