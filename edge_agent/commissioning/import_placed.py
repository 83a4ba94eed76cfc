"""A point table of what has no registers becomes a device file."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from config.cjt188 import Cjt188Settings
from config.classes import EquipmentClass
from config.errors import ConfigError
from config.problems import explain
from config.protocol import Protocol
from edge_agent.commissioning.device_file import write_device_file
from edge_agent.commissioning.point_table.choice import pairs
from edge_agent.commissioning.point_table.placed import pages
from edge_agent.commissioning.point_table.placed.columns import MODELS
from edge_agent.commissioning.point_table.placed.reading import PlacedReader, find_placed
from edge_agent.commissioning.point_table.refusals import refused
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.sheet import Sheet

_READ: Final = {
    Protocol.REACHABILITY.value: "reachability --host HOST",
    Protocol.OSDP.value: "agent.yaml#PORT --unit ADDRESS",
}
_READ_METER: Final = "PORT --meter NUMBER"


class PlacedWish(NamedTuple):
    """What the command line says of such a table.

    Attributes:
        protocol: What the device speaks.
        meter_type: Of a CJ/T 188 meter, as written.
        columns: What ``--column`` says.
        convert_units: Bring numbers into the class's unit.
        leave_out: Go on without the refused rows.
        strict: Refuse whatever is told as not used, too.
    """

    protocol: str
    meter_type: str | None
    columns: Sequence[str]
    convert_units: bool
    leave_out: bool
    strict: bool

    def settings(self) -> dict[str, dict[str, str]]:
        """Return what its device file says of the meter.

        Raises:
            ConfigError: It is no CJ/T 188 meter, or there is no such type.
        """
        if self.meter_type is None:
            return {}
        if self.protocol != Protocol.CJT188:
            raise ConfigError("--meter-type: only of --protocol cjt188")
        given = {"type": self.meter_type}
        try:
            Cjt188Settings.model_validate(given)
        except ValidationError as error:
            message = explain(error, Cjt188Settings, given)[0].message
            raise ConfigError(f"--meter-type: {message}") from None
        return {Protocol.CJT188.value: given}

    def ignored(self) -> list[str]:
        """Return the headings that do not count.

        Raises:
            ConfigError: ``--column`` says something else.
        """
        found: list[str] = []
        for role, heading in pairs("--column", self.columns):
            if role != Role.IGNORE:
                message = "a column is headed by the name of its option; only ignore=HEADING"
                raise ConfigError(f"--column: with --protocol {self.protocol} {message}")
            found.append(heading)
        return found


def import_placed(
    sheets: Sequence[Sheet],
    wish: PlacedWish,
    head: Mapping[str, Any],
    equipment: EquipmentClass,
    *,
    output: Path,
    force: bool,
) -> Iterator[str]:
    """Write the device file; yield what was understood.

    Raises:
        ConfigError: Something was refused, or the file cannot be written.
    """
    model, settings = MODELS[wish.protocol], wish.settings()
    sheet, heads = find_placed(sheets, model)
    meter = Cjt188Settings.model_validate(settings.get(Protocol.CJT188.value, {}))
    reader = PlacedReader(
        sheet,
        heads,
        model,
        equipment,
        meter_type=meter.number,
        convert_units=wish.convert_units,
    )
    imported = reader.read(wish.ignored())
    left_out = refused(sheet.name, imported, leave_out=wish.leave_out, strict=wish.strict)
    whole = {**head, "protocol": wish.protocol, **settings}
    path = write_device_file(output, whole, imported.points, force=force)
    known = sum(name in equipment.points for name in imported.points)
    canonical = f"{known} of them canonical of {equipment.equipment_class}"
    yield f"{path}: {len(imported.points)} points, {canonical}"
    yield from pages.columns(sheet, heads)
    yield from ("", *pages.rows(imported, model), "")
    for note in (*sheet.notes, *imported.notes, *(f"left out: {one}" for one in left_out)):
        yield f"note: {note}"
    missing = [name for name in equipment.points if name not in imported.points]
    if missing:
        yield f"note: the class also knows: {', '.join(missing)}"
    place = _READ.get(wish.protocol, _READ_METER)
    yield (
        "set device_files to its folder; compare the rows with the device: "
        f"plantroom agent read {place} --profile {path}"
    )
