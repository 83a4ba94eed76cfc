"""Random point tables whose truth is known: an import is right or refused, never wrong."""

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from config.errors import ConfigError
from config.load import load_classes
from config.points import Order, Point
from edge_agent.commissioning.point_table import report
from edge_agent.commissioning.point_table.choice import Found, find_table
from edge_agent.commissioning.point_table.finding import find_heads
from edge_agent.commissioning.point_table.headings import read_heading
from edge_agent.commissioning.point_table.outcome import Imported, Options
from edge_agent.commissioning.point_table.qualifiers import qualifier_words
from edge_agent.commissioning.point_table.reading import read_table
from edge_agent.commissioning.point_table.roles import Role, meanings
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.spreadsheet import read_sheets, write_sheets

EQUIPMENT: Final = load_classes()["heating_pump"]
TABLES: Final = 25
Truth = dict[str, Any]
Cells = Callable[[random.Random, Truth], str]

TYPES: Final = {
    "int16": ("int16", "INT16S", "有符号16位整型", "signed short", "S_WORD", "16位有符号", "Short"),
    "uint16": ("uint16", "U_WORD", "INT16U", "无符号16位", "unsigned short", "WORD", "UINT"),
    "int32": ("int32", "DINT", "32位有符号整数", "signed long", "S_DWORD", "长整型"),
    "uint32": ("uint32", "UDINT", "U32", "无符号32位整数", "DWORD", "unsigned 32-bit"),
    "float32": ("float32", "REAL", "浮点", "Float", "单精度浮点数", "32位浮点"),
    "float64": ("float64", "double", "LREAL", "双精度"),
}
WORDS: Final = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2, "float64": 4}
FUNCTIONS: Final = {
    "holding": ("03", "3", "03H", "0x03", "FC3", "03/06", "保持寄存器", "Holding register"),
    "input": ("04", "4", "04H", "0x04", "FC4", "输入寄存器", "Input register"),
}
AREAS: Final = {"holding": ("4区", "4x", "保持寄存器"), "input": ("3区", "3x", "输入寄存器")}
ORDERS: Final = {
    "ABCD": ("ABCD", "大端", "big endian", "1234", "AB CD"),
    "CDAB": ("CDAB", "低字在前", "3412", "CD AB", "word swap"),
    "BADC": ("BADC", "2143", "byte swap"),
    "DCBA": ("DCBA", "小端", "4321", "little-endian"),
}
UNITS: Final = {"°C": ("℃", "°C", "degC"), "Hz": ("Hz", "HZ"), "kPa": ("kPa", "KPa"), "": ("", "-")}
NAMES: Final = ("名称", "Name", "点位名称", "Signal name", "参数名称", "测点")
ADDRESSES: Final = ("地址", "寄存器地址", "Register address", "Modbus Address", "Register", "Addr")
USUAL: Final = {
    Role.OFFSET: ("偏移量", "Offset"),
    Role.UNIT: ("单位", "Unit", "Units"),
    Role.INVALID: ("无效值", "Invalid value"),
    Role.STATES: ("状态说明", "States", "备注", "取值说明"),
}
VOCABULARY: Final = meanings()
FILLER: Final[tuple[tuple[str, Callable[[int], str]], ...]] = (
    ("序号", str),
    ("No.", str),
    ("Slave Address", lambda _: "3"),
    ("从站地址", lambda _: "17"),
    ("默认值", lambda number: str(number % 7)),
    ("备注", lambda _: "现场核对"),
    ("Description", lambda number: f"signal {number}"),
    ("Group", lambda number: f"group {number % 2}"),
)


def _rows(rng: random.Random) -> list[Truth]:
    address, found = rng.randrange(0, 3000), list[Truth]()
    for number in range(rng.randint(1, 6)):
        kind = rng.choice(list(TYPES))
        found.append(
            {
                "name": f"p{number}",
                "table": rng.choice(("holding", "input")),
                "address": address,
                "type": kind,
                "order": rng.choice(list(ORDERS)) if WORDS[kind] > 1 else "ABCD",
                "scale": rng.choice((1, 1, 0.1, 0.01, 0.001, 10)),
                "offset": rng.choice((0, 0, -40, 2.5)),
                "unit": rng.choice(list(UNITS)),
                "states": rng.random() < 0.2 and kind in {"int16", "uint16"},
                "invalid": () if "float" in kind else rng.choice(((), (), (0x7FFF,), (32766,))),
            }
        )
        address += WORDS[kind] + rng.choice((0, 0, 3))
    return found


def _address_column(rng: random.Random) -> tuple[str, Cells]:
    heading = _heading(rng, ADDRESSES, Role.ADDRESS)
    first = {"holding": 4, "input": 3}
    hexadecimal = f"{heading}({rng.choice(('hex', 'HEX', '十六进制'))})"
    one_based = f"{heading} ({rng.choice(('1-based', '从1开始', 'starting at 1'))})"
    styles: list[tuple[str, Cells]] = [
        (heading, lambda _, t: str(t["address"])),
        (heading, lambda _, t: str(t["address"])),
        (hexadecimal, lambda _, t: f"{t['address']:04X}"),
        (heading, lambda _, t: f"0x{t['address']:04X}"),
        (heading, lambda _, t: f"{t['address']:04X}H"),
        (one_based, lambda _, t: str(t["address"] + 1)),
        (heading, lambda _, t: _range(t)),
        (heading, lambda _, t: f"{first[t['table']]}{t['address'] + 1:04d}"),
    ]
    return rng.choice(styles)


def _heading(rng: random.Random, usual: tuple[str, ...], role: Role) -> str:
    """Return a usual heading, or any word of the vocabulary that means nothing else."""
    certain = [
        word
        for word, found in VOCABULARY.items()
        if [one.role for one in found] == [role]
        and found[0].weight == 3
        and not read_heading(word).qualifiers
    ]
    return rng.choice((rng.choice(usual), rng.choice(certain)))


def _range(truth: Truth) -> str:
    words = WORDS[truth["type"]]
    return str(truth["address"]) + (f"-{truth['address'] + words - 1}" if words > 1 else "")


def _scale_column(rng: random.Random) -> tuple[str, Cells]:
    style = rng.choice(("系数", "Scale factor", "divisor", "decimals", "forms", "Multiplier"))
    if style == "divisor":
        return rng.choice(
            ("除数", "Division factor", "Factor (divide by)")
        ), lambda _, t: f"{1 / t['scale']:g}"
    if style == "decimals":
        places = {1: "0", 0.1: "1", 0.01: "2", 0.001: "3", 10: "-1"}
        return rng.choice(("小数位", "Decimals")), lambda _, t: places[t["scale"]]
    if style == "forms":
        return rng.choice(("倍率", "Scale", "比例")), _scale_form
    return style, lambda _, t: f"{t['scale']:g}"


def _scale_form(rng: random.Random, truth: Truth) -> str:
    scale = truth["scale"]
    upside = f"{1 / scale:g}"
    forms = [f"{scale:g}", f"\u00d7{scale:g}", f"*{scale:g}"]
    forms += [f"/{upside}", f"÷{upside}", f"1/{upside}"] if scale < 1 else []
    return rng.choice(forms)


def _columns(rng: random.Random, rows: list[Truth]) -> list[tuple[str, Cells]]:
    columns: list[tuple[str, Cells]] = [
        (_heading(rng, NAMES, Role.NAME), lambda _, t: t["name"]),
        _address_column(rng),
        (
            _heading(rng, ("数据类型", "Data type", "类型", "Type", "数据格式"), Role.TYPE),
            lambda r, t: r.choice(TYPES[t["type"]]),
        ),
    ]
    if rng.random() < 0.85:
        function = ("功能码", "Function code", "FC", "Modbus function code")
        heading = rng.choice((*function, "寄存器类型", "存储区", "Register type"))
        words = FUNCTIONS if heading in function else AREAS
        columns.append((heading, lambda r, t: r.choice(words[t["table"]])))
    else:
        for row in rows:
            row["table"] = "holding"
    _add_order(rng, rows, columns)
    if rng.random() < 0.8:
        columns.append(_scale_column(rng))
    else:
        for row in rows:
            row["scale"] = 1
    more: tuple[tuple[str, Role, Cells], ...] = (
        ("offset", Role.OFFSET, lambda _, t: f"{t['offset']:g}"),
        ("unit", Role.UNIT, lambda r, t: r.choice(UNITS[t["unit"]])),
        ("invalid", Role.INVALID, lambda _, t: _invalid(t)),
        ("states", Role.STATES, _states),
    )
    for key, role, cell in more:
        if rng.random() < 0.5:
            columns.append((_heading(rng, USUAL[role], role), cell))
        else:
            for row in rows:
                row[key] = {"offset": 0, "unit": "", "invalid": (), "states": False}[key]
    used = {heading for heading, _ in columns}
    for heading, make in rng.sample(FILLER, rng.randint(0, 3)):
        if heading not in used and not {heading, *used} >= {"Slave Address", "从站地址"}:
            columns.append((heading, lambda _, t, make=make: make(int(t["name"][1:]))))
            used.add(heading)
    rng.shuffle(columns)
    return columns


def _add_order(rng: random.Random, rows: list[Truth], columns: list[tuple[str, Cells]]) -> None:
    style = rng.random()
    if style < 0.4:
        heading = rng.choice(("字节序", "Byte order", "Endianness", "大小端"))
        columns.append((heading, lambda r, t: r.choice(ORDERS[t["order"]])))
    elif style < 0.6:
        big, little = rng.choice((("Big", "Little"), ("高", "低"), ("big-endian", "little-endian")))
        columns.append(
            (
                rng.choice(("字节序", "Byte order")),
                lambda _, t: _part(
                    big, little, high=t["order"] in {"ABCD", "CDAB"}, what="字节在前"
                ),
            )
        )
        columns.append(
            (
                rng.choice(("字序", "Word order")),
                lambda _, t: _part(big, little, high=t["order"] in {"ABCD", "BADC"}, what="字在前"),
            )
        )
    else:
        for row in rows:
            row["order"] = "ABCD"


def _part(big: str, little: str, *, high: bool, what: str) -> str:
    word = big if high else little
    return word + what if word in {"高", "低"} else word


def _invalid(truth: Truth) -> str:
    return "/".join(hex(raw) if raw == 0x7FFF else str(raw) for raw in truth["invalid"])


def _states(rng: random.Random, truth: Truth) -> str:
    if not truth["states"]:
        return ""
    return rng.choice(
        ("0=停止;1=运行", "0:停止 1:运行", "0-停止,1-运行", "0\uff1a停止\uff1b1\uff1a运行")
    )


def _written(rng: random.Random, rows: list[Truth], folder: Path) -> Path:
    columns = _columns(rng, rows)
    table = [[heading for heading, _ in columns]]
    table += [[cell(rng, row) for _, cell in columns] for row in rows]
    if rng.random() < 0.3:
        table.insert(0, ["XX小区换热站点表", *[""] * (len(columns) - 1)])
    if rng.random() < 0.2:
        path = folder / "t.xlsx"
        write_sheets(path, [("点表", table)])
        return path
    separator = rng.choice(",,;\t")
    if separator in ";\t" and rng.random() < 0.6:
        scales = {
            index for index, (_, cell) in enumerate(columns) if cell.__name__ == "_scale_form"
        }
        for line in table[1:]:
            for index in scales & set(range(len(line))):
                line[index] = line[index].replace(".", ",")
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(table)
    path = folder / "t.csv"
    encoding = rng.choice(("utf-8", "utf-8-sig", "gb18030", "utf-16"))
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def _expected(truth: Truth) -> dict[str, Any]:
    kind, words = truth["type"], WORDS[truth["type"]]
    states = bool(truth["states"])
    return {
        "table": truth["table"],
        "address": truth["address"],
        "type": "enum" if states else kind,
        "order": Order(truth["order"]) if words > 1 else Order.ABCD,
        "scale": pytest.approx(truth["scale"]),
        "offset": truth["offset"],
        "unit": truth["unit"],
        "enum": {0: "停止", 1: "运行"} if states else None,
        "invalid": truth["invalid"],
    }


def _first_problem(found: Found) -> str:
    imported = read_table(found.sheet, found.heads, Options(), EQUIPMENT)
    return imported.problems[0].message if imported.problems else ""


def _import(path: Path) -> Imported | None:
    """Return what was understood; None where the table was refused."""
    try:
        found = find_table(path, read_sheets(path), {})
    except ConfigError:
        return None
    numbering = "modicon" if "look like" in _first_problem(found) else None
    imported = read_table(found.sheet, found.heads, Options(numbering), EQUIPMENT)
    return None if imported.problems else imported


@pytest.mark.long
@pytest.mark.seeds(1, 20)
def test_a_random_table_is_right_or_refused(tmp_path: Path, seed: int) -> None:
    accepted = 0
    for number in range(TABLES):
        rng = random.Random(TABLES * seed + number)  # noqa: S311 (tables)
        rows = _rows(rng)
        path = _written(rng, rows, tmp_path)
        imported = _import(path)
        if imported is None:
            continue
        accepted += 1
        assert set(imported.points) == {row["name"] for row in rows}, (number, path.read_bytes())
        for row in rows:
            point = Point.model_validate(imported.points[row["name"]])
            wanted = _expected(row)
            got = {key: getattr(point, key) for key in wanted}
            assert got == wanted, (number, path.read_bytes().decode(errors="replace"))
    # A table that is refused is no answer for an integrator; most are understood.
    assert accepted > TABLES // 3


GARBAGE: Final = (
    *("", "-", "NaN", "1e400", "9" * 400, "0x", "1/0", "10^999", "1e-400", "0.0", "0=", "=", "()"),
    *("bit", "1_000", "0=a;1=b", "CDAB", "03", "4区", "0x7FFF", "uint16", "0.1", "100.3", "10-20"),
    *("x/10", "32767表示无效", "999999999999999999999=无效", "0.01Hz", "RW", "yes", "float", "3"),
)


@pytest.mark.seeds(1, 10)
def test_no_garbage_under_any_heading_is_a_traceback(seed: int) -> None:
    qualifiers = list(qualifier_words())
    for number in range(50):
        rng = random.Random(50 * seed + number)  # noqa: S311 (tables)
        heads = ["地址", *rng.choices(list(VOCABULARY), k=rng.randint(2, 8))]
        heads = [
            f"{head} ({rng.choice(qualifiers)})" if rng.random() < 0.2 else head for head in heads
        ]
        rows = [
            [str(rng.randrange(60_000)), *rng.choices(GARBAGE, k=len(heads) - rng.choice((0, 1)))]
            for _ in range(rng.randint(1, 4))
        ]
        sheet = Sheet("garbage", [heads, *rows], separator=rng.choice(("", ",", ";")))
        found = find_heads(sheet)
        if found is not None:
            fill_down = frozenset(rng.sample(list(Role), 2))
            imported = read_table(sheet, found, Options(fill_down=fill_down), EQUIPMENT)
            report.rows(imported)
            report.columns(found)
