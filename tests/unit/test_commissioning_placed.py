"""Point tables of meters, slaves, hosts and readers of doors to device files."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from config.coding import DataType
from config.load import load_profiles
from config.protocol import Protocol
from edge_agent.__main__ import cli
from edge_agent.commissioning.point_table.placed.columns import (
    ACCESS,
    CELLS,
    MODELS,
    column_headed,
    columns_of,
    headings_of,
)

METER = """\
3号楼电表点表,,,,,,,,
点标识,名称,数据标识,单位,系数,周期,死区,读写,备注
,A相电压,02010100,V,,60,0.5,R,
,总有功电能,00010000,kWh,,5min,,,电能
mark,表内标志,04000501,,,60,,R,
,三楼,,,,,,,
"""


def run(folder: Path, table: str, protocol: str, kind: str, *options: str) -> Result:
    path = folder / "points.csv"
    path.write_text(table, "utf-8")
    arguments = ["import", str(path), "--protocol", protocol, "--profile", "own-1"]
    return CliRunner().invoke(
        cli, [*arguments, "--class", kind, "--output", str(folder / "devices"), *options]
    )


def points(folder: Path) -> dict[str, Any]:
    return dict(load_profiles(folder / "devices")["own-1"].points)


def problems(printed: Result, folder: Path) -> list[str]:
    assert printed.exit_code == 2, printed.output
    assert not (folder / "devices").exists()
    return printed.stderr.replace(f"{folder}/points.csv, ", "").splitlines()


def test_identifiers_of_a_meter_become_points_with_the_class_s_names(tmp_path: Path) -> None:
    printed = run(tmp_path, METER, "dlt645", "electricity_meter")
    assert printed.exit_code == 0, printed.output
    found = points(tmp_path)
    assert set(found) == {"voltage_l1", "total_energy", "mark"}
    assert (found["voltage_l1"].identifier, found["voltage_l1"].unit) == ("02010100", "V")
    assert found["voltage_l1"].deadband.absolute == 0.5
    assert found["total_energy"].period_s == 300
    assert found["mark"].name.zh == "表内标志"
    assert "C       数据标识  identifier" in printed.output
    assert "row 6 has no identifier: a heading" in printed.output
    assert "agent read PORT --meter NUMBER --profile" in printed.output


@pytest.mark.parametrize(
    ("protocol", "kind", "table", "expected"),
    [
        (
            "cjt188",
            "water_meter",
            "point;字段;unit;scale;bit;rw\nlitres;volume;L;1000;;\nvalve;valve;;;;RW\nt;status;;;9;",
            {"litres": (DataType.FLOAT64, "L"), "valve": (DataType.STRING, ""), "t": ("bit", "")},
        ),
        (
            "mbus",
            "heat_meter",
            "tag,物理量 quantity,storage,function,单位,累计量\nheat_energy,energy,,,kWh,是\n",
            {"heat_energy": ("float64", "kWh")},
        ),
        (
            "reachability",
            "cctv",
            "id,探测,端口,gives,unit\nonline,TCP,554,,\nfast,ping,,round_trip_ms,ms\n",
            {"online": ("bit", ""), "fast": ("float64", "ms")},
        ),
        (
            "osdp",
            "access_control",
            "id,reader,number,inverted,access,pulse_s\ndoor,input,0,no,,\nstrike,output,1,,RW,5\n",
            {"door": ("bool", ""), "strike": ("bool", "")},
        ),
        (
            "dlt645",
            "electricity_meter",
            "id,di,bit,width,enum,plausible\nsupply,04000503,1,2,0=a;1=b,\nu,02010100,,,,0~500\n",
            {"supply": ("enum", ""), "u": ("float64", "")},
        ),
    ],
)
def test_each_protocol_has_its_columns(
    tmp_path: Path, protocol: str, kind: str, table: str, expected: dict[str, tuple[str, str]]
) -> None:
    printed = run(tmp_path, table, protocol, kind)
    assert printed.exit_code == 0, printed.output
    found = points(tmp_path)
    assert {name: (one.type.value, one.unit) for name, one in found.items()} == expected
    for name, one in found.items():
        assert one.where in printed.output
        assert (one.writable is not None) is (name in {"valve", "strike"})


def test_every_problem_is_told_by_row_and_column(tmp_path: Path) -> None:
    table = (
        "id,identifier,bit,scale,period,colour,enum,identifier\n"
        "a,2010100,,,,red,,\n"
        "b,02010100,,abc,5 days,,,\n"
        "c,04000503,4,,,,off,\n"
        "d,02010100,3,,,,,\n"
        "e,02010200,,0,,,,\n"
        "f,,4,,,,,\n"
        "ünder,02010100,,,,,,\n"
        "g,02010100,,,,,,\n"
        "g,02010200,,,,,,\n"
    )
    lines = problems(run(tmp_path, table, "dlt645", "electricity_meter"), tmp_path)
    told = [line.partition(": ")[0] for line in lines]
    assert told == [
        "row 1, column F colour",
        "row 1, column H identifier",
        "row 2, column B identifier",
        "row 3, column D scale",
        "row 3, column E period",
        "row 4, column G enum",
        "row 5, column C bit",
        "row 6, column D scale",
        "row 7, column B identifier",
        "row 8, column A id",
        "row 10, column A id",
    ]
    text = "\n".join(lines)
    assert "or say --column ignore='colour'" in text
    assert "expected 8 hexadecimal digits as printed" in text
    assert "bit means nothing to a number" in text
    assert "already in row 9" in text


def test_refused_rows_and_unknown_columns_are_left_out_on_demand(tmp_path: Path) -> None:
    table = "id,field,colour\na,volumen,red\nvolume,volume,blue\n"
    options = ("--column", "ignore=colour", "--leave-out-refused")
    printed = run(tmp_path, table, "cjt188", "water_meter", *options)
    assert printed.exit_code == 0, printed.output
    assert set(points(tmp_path)) == {"volume"}
    assert "left out: " in printed.output
    assert "row 2, column B field" in printed.output


def test_a_field_that_the_type_of_meter_does_not_have_is_refused(tmp_path: Path) -> None:
    table = "id,field\nx,supply_temperature\n"
    lines = problems(run(tmp_path, table, "cjt188", "heat_meter"), tmp_path)
    assert lines == [
        "row 2, column B field: a meter of type 10 has no supply_temperature of 901F (--meter-type)"
    ]
    printed = run(tmp_path, table, "cjt188", "heat_meter", "--meter-type", "20")
    assert printed.exit_code == 0, printed.output
    profile = load_profiles(tmp_path / "devices")["own-1"]
    assert profile.cjt188 is not None
    assert (profile.protocol, profile.cjt188.type) == (Protocol.CJT188, "20")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--numbering", "pdu"), "are of registers"),
        (("--read", "/dev/ttyUSB0"), "are of registers"),
        (("--meter-type", "20"), "only of --protocol cjt188"),
        (("--column", "scale=id"), "only ignore=HEADING"),
    ],
)
def test_options_of_others_are_refused(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    printed = run(tmp_path, "id,quantity\na,energy\n", "mbus", "heat_meter", *options)
    assert printed.exit_code == 2
    assert message in printed.stderr


def test_a_table_without_the_column_that_places_is_refused(tmp_path: Path) -> None:
    lines = problems(run(tmp_path, "id,address\na,1\n", "mbus", "heat_meter"), tmp_path)
    assert "one column is headed by one of quantity, 物理量, 量" in lines[0]


@pytest.mark.parametrize(
    ("protocol", "suffix"), [*((one, ".csv") for one in MODELS), ("mbus", ".xlsx")]
)
def test_a_template_is_a_table_that_is_understood(
    tmp_path: Path, protocol: str, suffix: str
) -> None:
    blank = tmp_path / f"blank{suffix}"
    printed = CliRunner().invoke(cli, ["import", "--template", str(blank), "--protocol", protocol])
    assert printed.exit_code == 0, printed.output
    assert f"--protocol {protocol}" in printed.output
    kinds = {"cjt188": "water_meter", "mbus": "heat_meter", "reachability": "cctv"}
    kind = {**kinds, "osdp": "access_control"}.get(protocol, "electricity_meter")
    arguments = ["import", str(blank), "--protocol", protocol, "--profile", "own-1"]
    printed = CliRunner().invoke(
        cli, [*arguments, "--class", kind, "--output", str(tmp_path / "devices")]
    )
    assert printed.exit_code == 0, printed.output
    assert len(points(tmp_path)) == 1


def test_the_states_of_a_meter_have_the_words_of_the_table(tmp_path: Path) -> None:
    heading = "id,di,bit,width,状态说明,状态名称\n"
    table = f"{heading}supply,04000503,1,2,0=mains;1=电池,mains=Mains/主电源;电池=Battery\n"
    printed = run(tmp_path, table, "dlt645", "electricity_meter")
    assert printed.exit_code == 0, printed.output
    words = points(tmp_path)["supply"].state_words
    said = {state: (one.en, one.zh) for state, one in words.items()}
    assert said == {"mains": ("Mains", "主电源"), "电池": ("Battery", "电池")}


def test_words_of_a_state_that_is_not_there_are_refused_in_their_column(tmp_path: Path) -> None:
    heading = "id,di,bit,width,状态说明,状态名称\n"
    printed = run(
        tmp_path, f"{heading}supply,04000503,1,2,0=mains,net=市电\n", "dlt645", "electricity_meter"
    )
    (problem,) = problems(printed, tmp_path)
    assert "column F 状态名称" in problem
    assert "no state 'net'" in problem


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda one: one.TAG)
def test_each_option_of_a_point_has_a_column_and_no_heading_is_two(model: Any) -> None:
    columns = columns_of(model)
    assert set(model.model_fields) - {"name"} == set(columns) - {
        "point",
        "name",
        "english",
        ACCESS,
    } | ({"writable"} if ACCESS in columns else set())
    assert set(columns) <= set(CELLS)
    headings = [(word, one) for one in columns for word in headings_of(one) if word]
    assert [column_headed(word, model) for word, _ in headings] == [one for _, one in headings]
