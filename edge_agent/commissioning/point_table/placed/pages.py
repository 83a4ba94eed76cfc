"""What is shown of such a table: what was understood, and an empty one (pure)."""

import json
from collections.abc import Sequence

from config.identifiers import IdentifierPoint
from config.protocol import Protocol
from config.protocol_point import ProtocolPoint
from edge_agent.commissioning.point_table.outcome import Imported
from edge_agent.commissioning.point_table.placed.columns import (
    ACCESS,
    ENGLISH,
    MODELS,
    NAME,
    POINT,
    columns_of,
    headings_of,
)
from edge_agent.commissioning.point_table.placed.reading import PlacedHeads
from edge_agent.commissioning.point_table.sheet import Sheet
from edge_agent.commissioning.spreadsheet import column_letter
from edge_agent.commissioning.table import table

_HELP = {
    POINT: "identifier; empty: found from the name, or made from it",
    NAME: "name that staff use; a name of the equipment class becomes its canonical point",
    ENGLISH: "English name",
    ACCESS: "R or RW: may be commanded",
}
_EXAMPLES = {
    Protocol.DLT645.value: {
        POINT: "voltage_l1", NAME: "A相电压", "identifier": "02010100", "unit": "V",
        "period_s": "60", "deadband": "0.5",
    },
    Protocol.CJT188.value: {
        POINT: "volume", NAME: "累计水量", "field": "volume", "unit": "m³", "period_s": "300",
        "totalizer": "yes",
    },
    Protocol.MBUS.value: {
        POINT: "heat_energy", NAME: "累计热量", "quantity": "energy", "unit": "kWh",
        "period_s": "300", "totalizer": "yes",
    },
    Protocol.REACHABILITY.value: {
        POINT: "online", NAME: "在线", "probe": "tcp", "tcp_port": "554", "period_s": "30",
    },
    Protocol.OSDP.value: {POINT: "door_open", NAME: "门磁", "reader": "input", "number": "0"},
}  # fmt: skip


def columns(sheet: Sheet, heads: PlacedHeads) -> list[str]:
    """Return how each column was understood."""
    of = {index: column for column, index in heads.columns.items()}
    lines = [
        (column_letter(index), text, of.get(index, "not used"))
        for index, text in enumerate(sheet.rows[heads.row])
        if text
    ]
    return table(("column", "heading", "understood as"), lines)


def rows(imported: Imported, model: type[ProtocolPoint]) -> list[str]:
    """Return what each row came to."""
    lines: list[tuple[str, ...]] = []
    for name, content in imported.points.items():
        point = model.model_validate_json(json.dumps(content), strict=True)
        more = [f"x {content['scale']}"] if "scale" in content else []
        more += [f"bit {content['bit']}"] if "bit" in content else []
        if isinstance(point, IdentifierPoint) and point.enum:
            more.append(" ".join(f"{raw}={word}" for raw, word in point.enum.items()))
        more.append("writable" if "writable" in content else "read only")
        row, kind = str(imported.rows[name]), point.type.value
        lines.append((row, name, point.where, kind, point.unit, "; ".join(more)))
    heads = ("row", "point", "placed by", "type", "unit", "more")
    return table(heads, lines, right={"row"})


def template(protocol: str) -> list[tuple[str, Sequence[Sequence[str]]]]:
    """Return the two sheets of an empty table."""
    model = MODELS[protocol]
    heads = columns_of(model)
    example = [_EXAMPLES[protocol].get(one, "") for one in heads]
    told = [("column 列", "also 也可写作", "what is allowed 允许的内容")]
    for column in heads:
        field = model.model_fields.get(column)
        about = _HELP.get(column) or (field.description if field else "") or ""
        told.append((column, ", ".join(filter(None, headings_of(column)[1:])), about))
    return [("点表", [heads, example]), ("说明", told)]
