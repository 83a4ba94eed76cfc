"""Which sheet, and which cut of a text file, holds the point table."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from config.errors import ConfigError
from config.problems import suggestion
from edge_agent.commissioning.point_table.finding import Heads, UnknownHeadingError, find_heads
from edge_agent.commissioning.point_table.roles import Role, some_words
from edge_agent.commissioning.point_table.sheet import Sheet


class Found(NamedTuple):
    """A sheet with a point table.

    Args:
        sheet: Its cells.
        heads: Its headings.
        notes: What else the file holds.
    """

    sheet: Sheet
    heads: Heads
    notes: list[str]


def pairs(option: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the two parts of each ``name=value``.

    Raises:
        ConfigError: A text has no sign.
    """
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise ConfigError(f"{option}: expected NAME=VALUE, got {text!r}")
        yield name.strip(), value.strip()


def chosen_columns(texts: Sequence[str]) -> dict[Role, list[str]]:
    """Return what ``--column`` says.

    Raises:
        ConfigError: There is no such role, or a role is given to two columns.
    """
    found: dict[Role, list[str]] = {}
    for name, heading in pairs("--column", texts):
        if name not in set(Role):
            known = [one.value for one in Role]
            hint = suggestion(name, known)
            raise ConfigError(f"--column: no role {name!r}{hint} There are: {', '.join(known)}")
        found.setdefault(Role(name), []).append(heading)
    for role, headings in found.items():
        if len(headings) > 1 and role is not Role.IGNORE:
            raise ConfigError(f"--column: two columns for {role}: {', '.join(headings)}")
    return found


def find_table(path: Path, sheets: Sequence[Sheet], chosen: Mapping[Role, Sequence[str]]) -> Found:
    """Return the sheet that holds the point table.

    Raises:
        ConfigError: None does, or several do.
    """
    found: list[tuple[Sheet, Heads]] = []
    unknown = ""
    for sheet in sheets:
        try:
            heads = find_heads(sheet, chosen)
        except UnknownHeadingError as error:
            unknown = str(error)
            continue
        if heads is not None:
            found.append((sheet, heads))
    if not found:
        raise ConfigError(f"{sheets[0].name}: {unknown or _NO_HEADS}")
    if sheets[0].separator:
        # One text, cut in several ways: the best cut has the most columns.
        sheet, heads = max(found, key=lambda one: len(one[1].columns))
        return Found(sheet, heads, [])
    with_points = [one for one in found if one[1].has_addresses(one[0])]
    found = with_points or found
    if len(found) > 1:
        names = ", ".join(repr(sheet.title) for sheet, _ in found)
        raise ConfigError(f"{path}: several sheets hold point tables ({names}): say --sheet")
    sheet, heads = found[0]
    others = [one.title for one in sheets if one is not sheet and any(map(any, one.rows))]
    notes = [f"sheets without a point table: {', '.join(others)}"] if others else []
    return Found(sheet, heads, notes)


_NO_HEADS = (
    "no row of heads with an address and another column in the first 30 rows; an address is headed "
    f"by one of {some_words(Role.ADDRESS)}; see: plantroom agent import --template points.xlsx"
)
