"""Point tables as they are: headings, slips, titles above the heads, thousands of rows."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.__main__ import cli
from edge_agent.commissioning.spreadsheet import read_sheets, write_sheets
from tests.unit.test_commissioning_import import run

AGENT = """
site: s
gateway: g
device_files: .
ports: {b: {kind: modbus_tcp, host: 192.0.2.1}}
devices: {d: {port: b, profile: own-1, name: {en: R, zh: R}}}
"""


def test_a_row_with_nothing_but_an_address_is_a_point(tmp_path: Path) -> None:
    printed = run(tmp_path, "name,address\na,5\n,6\n", "--type", "uint16")
    assert printed.exit_code == 0, printed.output
    assert "2 points" in printed.output
    refused = run(tmp_path, "name,address,type\na,5,uint16\n,6,\n", "--force")
    assert refused.exit_code == 2
    assert "row 3" in refused.output


def test_a_row_with_one_word_is_a_heading_and_reported(tmp_path: Path) -> None:
    printed = run(tmp_path, "address,name,type\n1#泵,,\n5,a,uint16\n,2号泵,\n")
    assert printed.exit_code == 0, printed.output
    for row in (2, 4):
        assert f"row {row} has no address and no type: a heading" in printed.output


def test_points_that_share_registers_are_reported(tmp_path: Path) -> None:
    table = (
        "name,address,type,bit,function\n"
        "a,10,float32,,03\nb,11,uint16,,03\nc,12,uint16,,03\nd,12,bit,3,03\ne,11,uint16,,04\n"
    )
    printed = run(tmp_path, table)
    assert printed.exit_code == 0, printed.output
    reported = [line for line in printed.output.splitlines() if "share registers" in line]
    (reported,) = reported
    assert reported.startswith(
        "note: row 2 a (holding 10..11, float32) and row 3 b (holding 11, uint16) share registers;"
    )


def test_a_title_above_heads_between_semicolons_is_passed_over(tmp_path: Path) -> None:
    printed = run(tmp_path, "Points, of pump 1\nname;address;type;scale\na;5;uint16;0.1\n")
    assert printed.exit_code == 0, printed.output


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", ["points.csv", "points.xlsx"])
def test_more_rows_than_are_read_are_refused_and_empty_ones_are_not(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    rows: list[list[str | float]] = [["name", "address"], *([["", ""]] * 20_000)]
    write_sheets(path, [("points", rows)])
    assert len(read_sheets(path)[0].rows) <= 20_000
    write_sheets(path, [("points", [*rows, ["a", 5]])])
    printed = CliRunner().invoke(
        cli, ["import", str(path), "--profile", "p", "--class", "heating_pump"]
    )
    assert printed.exit_code == 2
    assert "more than 20,000 rows; split it" in printed.stderr


def test_an_imported_file_beside_the_agent_file_is_used_as_its_hint_says(tmp_path: Path) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text(AGENT, "utf-8")
    printed = run(tmp_path, "name,address,type\na,5,uint16\n")
    assert printed.exit_code == 0, printed.output
    checked = CliRunner().invoke(cli, ["check", str(agent)])
    assert checked.exit_code == 0, checked.output
    # Nobody answers there, but the file was understood.
    read = CliRunner().invoke(
        cli,
        ["read", "127.0.0.1:1", "--profile", str(tmp_path / "own-1.yaml"), "--timeout", "0.1"],
    )
    assert read.exit_code == 1, read.output
    assert "agent.yaml" not in read.output
