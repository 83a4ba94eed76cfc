"""Point tables, Chinese and English, Excel and CSV, right and wrong, to device files."""

import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from config.load import load_profiles
from config.points import Order, Table
from edge_agent.__main__ import cli
from edge_agent.commissioning.device_file import flow
from edge_agent.commissioning.point_table.finding import find_heads
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.spreadsheet import column_letter, read_sheets, write_sheets

CHINESE = """\
3号楼换热站点表,,,,,,
序号,点位名称,寄存器地址,数据类型,单位,倍率,读写属性,功能码
1,水泵,,,,,,
1,运行频率,40101,浮点数,HZ,0.1,R,03
2,出口压力,40103,浮点型,KPa,1/10,只读,03
3,故障,40105.3,开关量,,,R,3
4,阀门开度设定,40120,无符号,%,,读写,03/06
"""

_IN_THE_TEMPLATE = {
    *(Role.POINT, Role.NAME, Role.ENGLISH, Role.TABLE, Role.ADDRESS, Role.TYPE, Role.BYTE_ORDER),
    *(Role.BIT, Role.LENGTH, Role.SCALE, Role.OFFSET, Role.UNIT, Role.STATES, Role.ACCESS),
    *(Role.MINIMUM, Role.MAXIMUM, Role.PERIOD, Role.DEADBAND, Role.NOTE),
}


def run(folder: Path, table: str | bytes, *options: str, name: str = "points.csv") -> Result:
    path = folder / name
    path.write_bytes(table.encode() if isinstance(table, str) else table)
    arguments = ["import", str(path), "--profile", "own-1", "--class", "heating_pump"]
    return CliRunner().invoke(cli, [*arguments, "--output", str(folder), *options])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_chinese_table_becomes_a_device_file_with_canonical_points(
    tmp_path: Path, encoding: str
) -> None:
    folder = tmp_path / "devices"
    folder.mkdir()
    printed = run(
        tmp_path, CHINESE.encode(encoding), "--numbering", "modicon", "--output", str(folder)
    )
    assert printed.exit_code == 0, printed.output
    points = load_profiles(folder)["own-1"].points
    assert set(points) == {"frequency", "outlet_pressure", "fault", "holding_119"}
    frequency = points["frequency"]
    assert (frequency.table, frequency.address, frequency.type) == (Table.HOLDING, 100, "float32")
    assert (frequency.scale, frequency.unit) == (0.1, "Hz")
    assert (points["fault"].type, points["fault"].address, points["fault"].bit) == ("bit", 104, 3)
    assert points["holding_119"].name is not None
    assert points["holding_119"].name.zh == "阀门开度设定"
    assert points["holding_119"].writable is None
    assert "row 7: writable without minimum and maximum; imported as read only" in printed.output
    assert "the column '序号' is not used" in printed.output
    assert "row 3 has no address and no type: a heading" in printed.output


def test_every_problem_is_reported_by_row_and_column_with_what_is_allowed(tmp_path: Path) -> None:
    table = (
        "name,address,type,scale,rw,function,bit\n"
        "a,x7,foat,abc,RX,09,16\n"
        "b,70000,uint16,,,03,\n"
        "c,,int16,,,03,\n"
        "d,5,uint16,0,,03,\n"
        "d,6,uint16,,,03,\n"
        "d,7,uint16,,,03,\n"
    )
    printed = run(tmp_path, table)
    assert printed.exit_code == 2
    lines = printed.stderr.replace(f"{tmp_path}/points.csv, ", "").splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "row 2, column B address",
        "row 2, column F function",
        "row 2, column C type",
        "row 2, column G bit",
        "row 2, column D scale",
        "row 2, column E rw",
        "row 3, column B address",
        "row 4, column B address",
        "row 5, column D scale",
        "row 7, column A name",
    ]
    assert "expected one of bool, bit" in printed.stderr
    assert "got 'foat'" in printed.stderr
    assert "expected a factor that is not 0" in printed.stderr
    assert "the point d is already in row 6" in printed.stderr
    assert not (tmp_path / "own-1.yaml").exists()


def test_40001_without_a_word_on_numbering_is_not_guessed(tmp_path: Path) -> None:
    table = "name,address,type\na,40001,uint16\nb,40002,uint16\n"
    printed = run(tmp_path, table)
    assert printed.exit_code == 2
    assert "say --numbering modicon" in printed.stderr
    assert run(tmp_path, table, "--numbering", "modicon").exit_code == 0
    assert load_profiles(tmp_path)["own-1"].points["b"].address == 1
    assert run(tmp_path, table, "--numbering", "pdu", "--force").exit_code == 0
    assert load_profiles(tmp_path)["own-1"].points["b"].address == 40002


def test_a_unit_that_the_class_does_not_mean_is_refused(tmp_path: Path) -> None:
    table = "名称,地址,类型,单位\n出口压力,1,float,bar\n"
    printed = run(tmp_path, table)
    assert printed.exit_code == 2
    assert "column D 单位: the class has outlet_pressure in kPa" in printed.stderr


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path) -> None:
    table = "name,address,type\na,1,uint16\n"
    assert run(tmp_path, table).exit_code == 0
    again = run(tmp_path, table)
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)
    assert run(tmp_path, table, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("data", "name", "reported"),
    [
        (b"PK-not-really", "points.xlsx", "no readable Excel file"),
        (b"\xd0\xcf\x11\xe0", "points.xls", "save it as .xlsx"),
        (b"\xff\xff\xff\xff", "points.csv", "neither UTF-8 nor GBK"),
        (b"a\0b,address", "points.csv", "not a text file"),
        (b"a,b\n1,2\n", "points.csv", "headed by one of 寄存器地址"),
        (b"name,address\n", "points.csv", "no points below the heads"),
        (b"", "points.csv", "no row of heads"),
    ],
)
def test_a_file_that_is_no_point_table_is_refused(
    tmp_path: Path, data: bytes, name: str, reported: str
) -> None:
    printed = run(tmp_path, data, name=name)
    assert printed.exit_code == 2
    assert reported in printed.stderr


@given(st.binary(max_size=400))
def test_no_bytes_end_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    printed = run(folder, b"name,address,type\n" + data)
    assert printed.exit_code in {0, 2}


def test_a_damaged_excel_file_never_ends_in_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "points.xlsx"
    CliRunner().invoke(cli, ["import", "--template", str(path)])
    whole = path.read_bytes()
    rng = random.Random(9)  # noqa: S311 (damage)
    refused = 0
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(3):
            data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        printed = run(tmp_path, bytes(data), "--force", name="points.xlsx")
        assert printed.exit_code in {0, 2}, printed.exception
        refused += printed.exit_code == 2
    assert refused > 10


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_the_template_can_be_imported_as_it_is(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"points.{ending}"
    assert CliRunner().invoke(cli, ["import", "--template", str(path)]).exit_code == 0
    arguments = ["import", str(path), "--profile", "own-2", "--class", "heating_pump"]
    printed = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path)])
    assert printed.exit_code == 0, printed.output
    profile = load_profiles(tmp_path)["own-2"]
    assert profile.points["outlet_pressure"].order is Order.CDAB
    assert profile.points["mode"].enum == {0: "stopped", 1: "manual", 2: "auto"}
    wanted = profile.points["speed_wanted"].writable
    assert wanted is not None
    assert (wanted.minimum, wanted.maximum) == (0, 3000)
    every = find_heads(read_sheets(path)[0])
    assert every is not None
    assert set(every.columns) >= _IN_THE_TEMPLATE


def test_a_sheet_is_chosen_by_name_and_numbers_stay_numbers(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    rows = [["地址", "类型"], [7, "uint16"], [0.5, "x"]]
    write_sheets(path, [("封面", [["目录"]]), ("点表", rows)])
    assert read_sheets(path, "点表")[0].rows[1:] == [["7", "uint16"], ["0.5", "x"]]
    printed = CliRunner().invoke(
        cli, ["import", str(path), "--profile", "x", "--class", "heating_pump", "--sheet", "x"]
    )
    assert "there are: 封面, 点表" in printed.stderr


def test_yaml_words_that_mean_something_else_are_quoted() -> None:
    assert flow({"a": "off", "b": "1号", "c": 1.0, "d": {1: "x: y"}}) == (
        '{a: "off", b: "1号", c: 1, d: {1: "x: y"}}'
    )
    assert [column_letter(index) for index in (0, 25, 26, 701, 702)] == [
        "A",
        "Z",
        "AA",
        "ZZ",
        "AAA",
    ]


def test_an_import_offers_the_command_that_reads_the_device_and_can_run_it(tmp_path: Path) -> None:
    table = "Slave Address,Register Address,Name,Data Type\n3,1,a,int16\n"
    printed = run(tmp_path, table, "--read", "127.0.0.1:1")
    assert f"plantroom agent read PORT --unit 3 --profile {tmp_path}/own-1.yaml" in printed.output
    # Nobody answers there; the file is written all the same.
    assert printed.exit_code == 1
    assert "127.0.0.1:1" in printed.stderr
    assert load_profiles(tmp_path)["own-1"].points["a"].address == 1


@pytest.mark.parametrize(
    ("option", "reported"),
    [
        (("--column", "scal=x"), "no role 'scal'"),
        (("--column", "scale"), "expected NAME=VALUE"),
        (("--column", "scale=nowhere"), "no such heading; there are: 'name', 'address', 'type'"),
        (("--column", "scale=name", "--column", "scale=type"), "two columns for scale"),
        (("--only", "nowhere=3"), "no such heading"),
    ],
)
def test_an_option_that_settles_nothing_is_refused(
    tmp_path: Path, option: tuple[str, ...], reported: str
) -> None:
    printed = run(tmp_path, "name,address,type\na,1,uint16\n", *option)
    assert printed.exit_code == 2
    assert reported in printed.stderr
