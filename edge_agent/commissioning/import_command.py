"""``plantroom agent import``: a point table becomes a device file."""

import re
import sys
from pathlib import Path
from typing import Final, get_args

import click

from config.base import IDENTIFIER_PATTERN
from config.classes import EquipmentClass
from config.errors import ConfigError
from config.load import checked, load_classes
from config.points import DataType, Order, Table
from config.problems import suggestion
from config.profiles import DeviceProfile
from config.source import Document
from edge_agent.commissioning import template
from edge_agent.commissioning.cells import Numbering, looks_like_modicon
from edge_agent.commissioning.columns import Heads, find_heads, known_words, nearest
from edge_agent.commissioning.device_file import device_file
from edge_agent.commissioning.imported import Defaults, Imported
from edge_agent.commissioning.overlaps import overlaps
from edge_agent.commissioning.rows import read_rows
from edge_agent.commissioning.spreadsheet import Sheet, read_sheet, write_sheets
from edge_agent.commissioning.synonyms import Column

_PATH: Final = click.Path(path_type=Path, dir_okay=False)
_FOLDER: Final = click.Path(path_type=Path, file_okay=False)


@click.command("import")
@click.argument("points", type=_PATH, required=False)
@click.option("--profile", help="Name of the device file; NAME.yaml is written.")
@click.option("--class", "class_name", help="Equipment class, such as heating_pump.")
@click.option("--maker", default="unknown", show_default=True, help="Maker.")
@click.option("--model", default="unknown", show_default=True, help="Product.")
@click.option("--source", help="Where the registers are from.  [default: the table's name]")
@click.option("--sheet", help="Sheet of the Excel file.  [default: the first]")
@click.option(
    "--numbering",
    type=click.Choice(get_args(Numbering)),
    help="pdu: 0-based, as on the wire; one-based: first register is 1; modicon: 40001, 30001.  "
    "[default: pdu]",
)
@click.option(
    "--table",
    type=click.Choice([one.value for one in Table]),
    default="holding",
    show_default=True,
    help="Where a row names no table or function.",
)
@click.option(
    "--order",
    type=click.Choice([one.value for one in Order]),
    default="ABCD",
    show_default=True,
    help="Byte and word order where a row names none.",
)
@click.option(
    "--type",
    "kind",
    type=click.Choice([one.value for one in DataType]),
    help="Data type where a row names none.",
)
@click.option("--output", type=_FOLDER, default=Path(), help="Folder to write to.  [default: .]")
@click.option("--class-files", type=_FOLDER, help="Folder with equipment classes of your own.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--template", "blank", type=_PATH, help="Write an empty table (.xlsx, .csv), stop.")
def command(  # noqa: PLR0917 (click calls it with keywords)
    points: Path | None,
    profile: str | None,
    class_name: str | None,
    maker: str,
    model: str,
    source: str | None,
    sheet: str | None,
    numbering: Numbering | None,
    table: str,
    order: str,
    kind: str | None,
    output: Path,
    class_files: Path | None,
    force: bool,  # noqa: FBT001 (click calls it with keywords)
    blank: Path | None,
) -> None:
    """Make a device file from a point table (点表) in Excel or CSV.

    The heads may be Chinese or English (地址, 寄存器地址, address; 名称; 数据类型; 单位; 系数,
    倍率; 读写; 功能码; 字节序 ...), in any order; a name that the equipment class knows (运行频率)
    becomes its canonical point. All problems are told by row and column with what is allowed; then
    nothing is written and the exit status is 2.

    \b
    Example:
      plantroom agent import --template points.xlsx
      plantroom agent import points.xlsx --profile acme-p1 --class heating_pump --numbering modicon
    """  # noqa: D301 (click needs the \b)
    if blank is not None:
        _write_template(blank)
        return
    if points is None or profile is None or class_name is None:
        raise click.UsageError("POINTS, --profile and --class are needed (or --template)")
    try:
        equipment = _class(class_name, class_files)
        read = read_sheet(points, sheet)
        heads = _heads(read)
        defaults = Defaults(
            numbering or "pdu", Table(table), Order(order), DataType(kind) if kind else None
        )
        if numbering is None:
            _refuse_modicon(read, heads)
        imported = read_rows(read.rows, heads, defaults=defaults, equipment=equipment)
        _refuse(read, imported)
        head = {
            "profile": profile,
            "maker": maker,
            "model": model,
            "class": class_name,
            "source": source or f"point table {points.name}",
            "confidence": "point table; not checked on the device",
        }
        path = _write(output, profile, device_file(head, imported.points), force=force)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    _tell(path, imported, heads, equipment)


def _write_template(path: Path) -> None:
    if path.suffix.lower() not in {".xlsx", ".csv"}:
        raise click.UsageError("--template: expected a name that ends with .xlsx or .csv")
    try:
        write_sheets(path, template.sheets())
    except (ConfigError, OSError) as error:
        raise click.UsageError(f"--template {path}: {error}") from error
    click.echo(f"{path} written; fill it, then: plantroom agent import {path} --profile NAME ...")


def _class(name: str, folder: Path | None) -> EquipmentClass:
    classes = load_classes(folder)
    if name not in classes:
        known = sorted(classes)
        message = f"--class: no equipment class {name!r}{suggestion(name, known)} There are: "
        raise ConfigError(message + ", ".join(known))
    return classes[name]


def _heads(sheet: Sheet) -> Heads:
    heads = find_heads(sheet.rows)
    if heads is None:
        raise ConfigError(
            f"{sheet.name}: no row of heads with an address and another column in the first 20 "
            f"rows; an address is headed by one of {known_words(Column.ADDRESS)}; "
            "see: plantroom agent import --template points.xlsx"
        )
    return heads


def _refuse_modicon(sheet: Sheet, heads: Heads) -> None:
    column = heads.columns[Column.ADDRESS]
    texts = [
        row[column] for row in sheet.rows[heads.row + 1 :] if len(row) > column and row[column]
    ]
    if texts and all(looks_like_modicon(text) for text in texts):
        raise ConfigError(
            f"{sheet.name}: all addresses look like {texts[0]}: say --numbering modicon (40001 is "
            "the first holding register), or --numbering pdu if they are sent so on the wire"
        )


def _refuse(sheet: Sheet, imported: Imported) -> None:
    if imported.problems:
        raise ConfigError("\n".join(f"{sheet.name}, {one}" for one in imported.problems))
    if not imported.points:
        raise ConfigError(f"{sheet.name}: no points below the heads")


def _write(folder: Path, profile: str, text: str, *, force: bool) -> Path:
    if not re.fullmatch(IDENTIFIER_PATTERN, profile):
        raise ConfigError(f"--profile: expected letters, digits, '_', '-', '.', got {profile!r}")
    path = folder / f"{profile}.yaml"
    if path.exists() and not force:
        raise ConfigError(f"{path}: exists already; --force replaces it")
    fresh = path.with_suffix(".yaml.new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, "utf-8")
        checked(Document.read(fresh), DeviceProfile)
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        fresh.unlink(missing_ok=True)
    return path


def _tell(path: Path, imported: Imported, heads: Heads, equipment: EquipmentClass) -> None:
    known = [name for name in imported.points if name in equipment.points]
    click.echo(
        f"{path}: {len(imported.points)} points, {len(known)} of them canonical of "
        f"{equipment.equipment_class}"
    )
    for note in [*imported.notes, *overlaps(imported.points, imported.rows)]:
        click.echo(f"note: {note}")
    for head in heads.unknown:
        click.echo(f"note: the column {head!r} is not used{nearest(head)}")
    missing = [name for name in equipment.points if name not in imported.points]
    if missing:
        click.echo(f"note: the class also knows: {', '.join(missing)}")
    click.echo(
        f"set device_files to its folder; see it: plantroom agent read PORT --profile {path}"
    )
