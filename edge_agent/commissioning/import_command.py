"""``plantroom agent import``: a point table becomes a device file."""

import asyncio
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import click

from config.classes import EquipmentClass
from config.errors import ConfigError
from config.load import load_classes, load_profile
from config.members import member_of
from config.points import DataType, Order, Table
from config.problems import suggestion
from config.protocol import Protocol
from edge_agent.clock import SystemClock
from edge_agent.commissioning import template
from edge_agent.commissioning.device_files import DeviceFile, agent_file, write_files
from edge_agent.commissioning.explain import explain
from edge_agent.commissioning.import_placed import PlacedWish, import_placed
from edge_agent.commissioning.overlaps import overlaps
from edge_agent.commissioning.point_table import report
from edge_agent.commissioning.point_table.choice import Found, chosen_columns, find_table, pairs
from edge_agent.commissioning.point_table.outcome import Base, Imported, Numbering, Options
from edge_agent.commissioning.point_table.placed import pages
from edge_agent.commissioning.point_table.placed.columns import MODELS
from edge_agent.commissioning.point_table.reading import read_table
from edge_agent.commissioning.point_table.refusals import refused
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.type_words import IMPORTED
from edge_agent.commissioning.port_spec import parse_port
from edge_agent.commissioning.read_command import Wish, show
from edge_agent.commissioning.spreadsheet import read_sheets, write_sheets
from edge_agent.errors import DriverError

_PATH: Final = click.Path(path_type=Path, dir_okay=False)
_FOLDER: Final = click.Path(path_type=Path, file_okay=False)
_REGISTERS: Final = Protocol.MODBUS.value
_ROLES: Final = ", ".join(Role)


@dataclass(frozen=True)
class Result:
    """A table that was read, and what belongs into the head of its file."""

    found: Found
    imported: Imported
    equipment: EquipmentClass


@click.command("import")
@click.argument("points", type=_PATH, required=False)
@click.option(
    "--protocol",
    type=click.Choice([_REGISTERS, *MODELS]),
    default=_REGISTERS,
    show_default=True,
    help="What the device speaks; another has a table with other columns (--template).",
)
@click.option(
    "--meter-type", metavar="TYPE", help="Of CJ/T 188: 10 cold water, 20 heat, ...  [default: 10]"
)
@click.option("--profile", help="Name of the device file; NAME.yaml is written.")
@click.option("--class", "class_name", help="Equipment class, such as heating_pump.")
@click.option("--maker", default="unknown", show_default=True, help="Maker.")
@click.option("--model", default="unknown", show_default=True, help="Product.")
@click.option("--source", help="Where the registers are from.  [default: the table's name]")
@click.option("--sheet", help="Sheet of the Excel file.  [default: the one with a point table]")
@click.option("--encoding", help="Encoding of a text file.  [default: by mark, UTF-8, GBK]")
@click.option(
    "--numbering",
    type=click.Choice(get_args(Numbering)),
    help="pdu: 0-based, as on the wire; one-based: first register is 1; modicon: 40001, 30001.  "
    "[default: what the heading says, else pdu]",
)
@click.option(
    "--base",
    type=click.Choice(get_args(Base)),
    help="Base of addresses without a mark.  [default: what the heading says, else dec]",
)
@click.option(
    "--table",
    type=click.Choice([one.value for one in Table]),
    help="Where a row names no table or function.  [default: holding]",
)
@click.option(
    "--order",
    type=click.Choice([one.value for one in Order]),
    help="Byte and word order where a row names none.  [default: ABCD]",
)
@click.option(
    "--type",
    "kind",
    type=click.Choice([one.value for one in IMPORTED]),
    help="Data type where a row names none.",
)
@click.option("--zone", help="Whose clock dates and times show: Asia/Shanghai, +08:00, UTC.")
@click.option(
    "--column",
    "columns",
    metavar="ROLE=HEADING",
    multiple=True,
    help=f"What a column is, where its heading does not settle it; repeatable. Roles: {_ROLES}.",
)
@click.option(
    "--fill-down",
    "fill_down",
    type=click.Choice([one.value for one in Role]),
    multiple=True,
    help="An empty cell of this role repeats the one above; repeatable.",
)
@click.option(
    "--only",
    metavar="HEADING=VALUE",
    multiple=True,
    help="Import only rows with this value, one device of several; repeatable.",
)
@click.option(
    "--convert-units", is_flag=True, help="Convert kPa, bar, MPa ... to the class's unit."
)
@click.option("--leave-out-refused", is_flag=True, help="Write the file without refused rows.")
@click.option("--strict", is_flag=True, help="Refuse whatever is told as not used, too.")
@click.option("--read", "port", metavar="PORT-SPEC", help="Then read the points from the device.")
@click.option(
    "--unit", type=click.IntRange(0, 255), help="With --read: unit.  [default: the table's]"
)
@click.option("--output", type=_FOLDER, default=Path(), help="Folder to write to.  [default: .]")
@click.option("--class-files", type=_FOLDER, help="Folder with equipment classes of your own.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--template", "blank", type=_PATH, help="Write an empty table (.xlsx, .csv), stop.")
def command(  # noqa: PLR0917 (click calls it with keywords)
    points: Path | None,
    protocol: str,
    meter_type: str | None,
    profile: str | None,
    class_name: str | None,
    maker: str,
    model: str,
    source: str | None,
    sheet: str | None,
    encoding: str | None,
    numbering: Numbering | None,
    base: Base | None,
    table: str | None,
    order: str | None,
    kind: str | None,
    zone: str | None,
    columns: tuple[str, ...],
    fill_down: tuple[str, ...],
    only: tuple[str, ...],
    convert_units: bool,  # noqa: FBT001 (click calls it with keywords)
    leave_out_refused: bool,  # noqa: FBT001
    strict: bool,  # noqa: FBT001
    port: str | None,
    unit: int | None,
    output: Path,
    class_files: Path | None,
    force: bool,  # noqa: FBT001
    blank: Path | None,
) -> None:
    """Make a device file from a point table (点表) in Excel or CSV.

    The headings may be Chinese or English (地址, 寄存器地址, address; 名称; 数据类型; 单位; 系数,
    倍率; 读写; 功能码; 字节序 ...), in any order; a name that the equipment class knows (运行频率)
    becomes its canonical point. Each heading and cell is understood, told or refused: all problems
    are told by row and column with what is allowed; then nothing is written and the exit status is
    2. At the end stands what each column and each row was understood as.

    Other protocols than Modbus have no registers: their tables have a column for each option of
    their points (identifier, field, quantity, probe, reader ...), headed by its name or in Chinese.

    \b
    Example:
      plantroom agent import --template points.xlsx
      plantroom agent import points.xlsx --profile acme-p1 --class heating_pump --numbering modicon
      plantroom agent import points.xlsx --profile acme-p1 --class heating_pump --column scale=倍率
      plantroom agent import --template meter.xlsx --protocol dlt645
      plantroom agent import meter.xlsx --protocol dlt645 --profile m1 --class electricity_meter
    """  # noqa: D301 (click needs the \b)
    if blank is not None:
        _write_template(blank, protocol)
        return
    if points is None or profile is None or class_name is None:
        raise click.UsageError("POINTS, --profile and --class are needed (or --template)")
    head = {
        "profile": profile,
        "maker": maker,
        "model": model,
        "class": class_name,
        "source": source or f"point table {points.name}",
        "confidence": "point table; not checked on the device",
    }
    try:
        if protocol != _REGISTERS:
            given = (numbering, base, table, order, kind, zone, port, unit, *fill_down, *only)
            _refuse_options_of_registers(given)
            wish = PlacedWish(
                protocol, meter_type, columns, convert_units, leave_out_refused, strict
            )
            sheets = read_sheets(points, sheet, encoding)
            equipment = _class(class_name, class_files)
            told = import_placed(sheets, wish, head, equipment, output=output, force=force)
            click.echo("\n".join(told))
            return
        if meter_type is not None:
            raise click.UsageError("--meter-type: only of --protocol cjt188")
        chosen = chosen_columns(columns)
        options = Options(
            numbering,
            base,
            Table(table) if table else None,
            Order(order) if order else None,
            DataType(kind) if kind else None,
            frozenset(Role(one) for one in fill_down),
            tuple(pairs("--only", only)),
            frozenset(chosen),
            zone,
        )
        equipment = _class(class_name, class_files)
        found = find_table(points, read_sheets(points, sheet, encoding), chosen)
        imported = read_table(
            found.sheet, found.heads, options, equipment, convert_units=convert_units
        )
        result = Result(found, imported, equipment)
        left_out = refused(found.sheet.name, imported, leave_out=leave_out_refused, strict=strict)
        files = write_files(output, head, imported, force=force)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    _report(files, result, left_out)
    for one in files:
        beside = one.imported.unit if unit is None else unit
        _offer(one.path, beside)
        if port is not None:
            _read(port, one.path, 1 if beside is None else beside)


def _write_template(path: Path, protocol: str) -> None:
    if path.suffix.lower() not in {".xlsx", ".csv"}:
        raise click.UsageError("--template: expected a name that ends with .xlsx or .csv")
    try:
        empty = template.sheets() if protocol == _REGISTERS else pages.template(protocol)
        write_sheets(path, empty)
    except (ConfigError, OSError) as error:
        raise click.UsageError(f"--template {path}: {error}") from error
    spoken = "" if protocol == _REGISTERS else f" --protocol {protocol}"
    click.echo(
        f"{path} written; fill it, then: plantroom agent import {path}{spoken} --profile NAME ..."
    )


def _class(name: str, folder: Path | None) -> EquipmentClass:
    classes = load_classes(folder)
    if name not in classes:
        known = sorted(classes)
        message = f"--class: no equipment class {name!r}{suggestion(name, known)} There are: "
        raise ConfigError(message + ", ".join(known))
    return classes[name]


def _refuse_options_of_registers(given: Sequence[object]) -> None:
    if any(one is not None for one in given):
        options = "--numbering, --base, --table, --order, --type, --zone, --fill-down, --only, "
        raise click.UsageError(f"{options}--read and --unit are of registers: --protocol modbus")


def _report(files: Sequence[DeviceFile], result: Result, left_out: Sequence[str]) -> None:
    imported, equipment = result.imported, result.equipment
    for one in files:
        points = one.imported.points
        known = sum(name in equipment.points for name in points)
        click.echo(
            f"{one.path}: {len(points)} points, {known} of them canonical of "
            f"{equipment.equipment_class}{one.suffix}"
        )
    for line in report.columns(result.found.heads):
        click.echo(line)
    for one in files:
        click.echo("\n".join(["", *report.rows(one.imported)]))
    click.echo("")
    for note in [
        *result.found.notes,
        *imported.notes,
        *imported.unused,
        *(note for one in files for note in overlaps(one.imported.points, one.imported.rows)),
        *(f"left out: {one}" for one in left_out),
    ]:
        click.echo(f"note: {note}")
    having = {name for one in files for name in one.imported.points}
    missing = [name for name in equipment.points if name not in having]
    if missing:
        click.echo(f"note: the class also knows: {', '.join(missing)}")
    for line in agent_file(files):
        click.echo(line)


def _offer(path: Path, unit: int | None) -> None:
    option = "" if unit is None else f" --unit {unit}"
    click.echo(
        "set device_files to its folder; compare the rows with the device: "
        f"plantroom agent read PORT{option} --profile {shlex.quote(str(path))}"
    )


def _read(spec: str, path: Path, unit: int) -> None:
    """Show the values of the device beside what was imported."""
    try:
        port, profile = parse_port(spec), load_profile(path)
    except ConfigError as error:
        raise click.UsageError(f"--read: {error}") from error
    port = port._replace(port=member_of(port.port, profile.protocol))
    wish = Wish(unit, Table.HOLDING, 0, 1, (), profile)
    try:
        asyncio.run(show(port, wish, click.echo, SystemClock()))
    except DriverError as error:
        click.echo(explain(error, port.port, unit=unit, asked=wish.asked), err=True)
        sys.exit(1)
