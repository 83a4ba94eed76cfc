"""What an import understood, line by line (pure)."""

from typing import Final

from config.points import DataType, Point
from edge_agent.commissioning.explain import place
from edge_agent.commissioning.point_table.finding import Heads
from edge_agent.commissioning.point_table.outcome import Content, Imported
from edge_agent.commissioning.point_table.qualifiers import Qualifier
from edge_agent.commissioning.spreadsheet import column_letter
from edge_agent.commissioning.table import clip
from edge_agent.commissioning.table import table as text_table

_WIDEST: Final = 44


def columns(heads: Heads) -> list[str]:
    """Return how each column was understood."""
    role_of: dict[int, str] = {index: role.value for role, index in heads.columns.items()}
    lines: list[tuple[str, ...]] = []
    for index, heading in sorted(heads.headings.items()):
        role = role_of.get(index)
        if role is None:
            role = "address, compared" if index in heads.assigned.addresses else "not used"
        qualifiers = [
            one.value for one in sorted(heading.qualifiers) if one is not Qualifier.FUNCTION
        ]
        stated = f" ({', '.join(qualifiers)})" if qualifiers and index in role_of else ""
        lines.append((column_letter(index), clip(heading.text, _WIDEST), f"{role}{stated}"))
    return text_table(("column", "heading", "understood as"), lines)


def rows(imported: Imported) -> list[str]:
    """Return what each row came to."""
    lines: list[tuple[str, ...]] = []
    for name, content in imported.points.items():
        point = Point.model_validate(content)
        lines.append(
            (
                str(imported.rows[name]),
                name,
                place(point.table, point.address, point.words),
                _type(point),
                _value(point),
                _more(point, content),
            )
        )
    return text_table(("row", "point", "register", "type", "value", "more"), lines, right={"row"})


def _type(point: Point) -> str:
    parts = [point.type.value]
    if point.byte:
        parts.append(f"{point.byte} byte")
    if point.words > 1 and point.type is not DataType.STRING:
        parts.append(point.order.value)
    elif point.order.value in {"BADC", "DCBA"}:
        parts.append("bytes swapped")
    if point.bit is not None and point.width is not None:
        parts.append(f"bits {point.bit} to {point.bit + point.width - 1}")
    elif point.bit is not None:
        parts.append(f"bit {point.bit}")
    return " ".join(parts)


def _value(point: Point) -> str:
    if point.is_state:
        return ""
    text = "raw" if point.factor == 1 else f"raw x {point.factor:g}"
    text += "".join(f" x {name}" for name in point.ratio_from)
    text += f" x 10^{point.scale_from}" if point.scale_from else ""
    text += f" / 10^{point.decimals_from}" if point.decimals_from else ""
    if point.shift:
        text += f" {'+' if point.shift > 0 else '-'} {abs(point.shift):g}"
    return f"{text} {point.unit}".strip()


def _more(point: Point, content: Content) -> str:
    parts: list[str] = []
    if point.enum:
        parts.append(" ".join(f"{raw}={word}" for raw, word in point.enum.items()))
    parts += _coding(point, content)
    if point.invalid:
        parts.append(f"invalid {', '.join(map(str, point.invalid))}")
    if point.writable is not None:
        parts.append(f"writable {point.writable.minimum:g} to {point.writable.maximum:g}")
    else:
        parts.append("read only")
    if "period_s" in content:
        parts.append(f"every {point.period_s:g} s")
    if "deadband" in content:
        parts.append("deadband")
    return clip("; ".join(parts), 2 * _WIDEST)


def _coding(point: Point, content: Content) -> list[str]:
    """Return what is unusual about how the registers carry it."""
    stated = {
        f"else {point.otherwise}": point.otherwise,
        f"sign {point.sign}": point.sign,
        "inverted": point.inverted,
        point.encoding.value: point.type is DataType.STRING,
    }
    parts = [text for text, is_so in stated.items() if is_so]
    if point.time is not None:
        parts.append(", ".join(map(str, point.time.model_dump(exclude_unset=True).values())))
    if "plausible" in content:
        parts.append("plausible {:g} to {:g}".format(*(point.plausible or ())))
    return parts
