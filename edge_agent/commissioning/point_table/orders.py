"""The order of bytes and words of a row, from one column, two, its type or a remark (pure)."""

import re
from collections.abc import Mapping
from typing import Final, TypeAlias

from config.coding import MixedOrder
from config.points import Order
from edge_agent.commissioning.point_table import words
from edge_agent.commissioning.point_table.qualifiers import Qualifier
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.row_cells import RowCells
from edge_agent.commissioning.point_table.text import CellError, compact

AnyOrder: TypeAlias = Order | MixedOrder
ORDER_ROLES: Final = (Role.ORDER, Role.BYTE_ORDER, Role.WORD_ORDER)


def row_order(
    cells: RowCells,
    others: Mapping[str, AnyOrder | None],
    *,
    wide: bool,
    filled: bool,
    default: AnyOrder | None,
) -> AnyOrder:
    """Return the order that all places agree on; two different ones refuse the row.

    Args:
        cells: The row.
        others: What places beside the columns of order say.
        wide: Whether the value has several registers.
        filled: Whether other rows name an order, so that an empty cell is ambiguous.
        default: What the command line says.
    """
    found = {place: order for place, order in others.items() if order is not None}
    text = cells.text(Role.ORDER)
    if text and (order := _order_cell(cells, Role.ORDER, text, wide=wide)):
        found["order"] = order
    both = _two_columns(cells, wide=wide)
    if both is not None:
        found["byte and word order"] = both
    if len(set(found.values())) > 1:
        stated = ", ".join(f"{place} {order}" for place, order in found.items())
        cells.refuse(Role.ORDER if "order" in found else Role.TYPE, f"two orders: {stated}")
    if wide and not found and filled and default is None:
        role = next(one for one in ORDER_ROLES if cells.has(one))
        cells.refuse(
            role,
            "no order of a value of several registers, and other rows name one; fill it, or say "
            f"--fill-down {role} (the cell above counts) or --order",
        )
    if wide and not found and default is None:
        cells.assume("no column says the order of words: ABCD is assumed (--order)")
    return next(iter(found.values()), default or Order.ABCD)


def _order_cell(cells: RowCells, role: Role, text: str, *, wide: bool) -> AnyOrder | None:
    """Return the order of bytes and words that one cell says."""
    try:
        return words.order(text)[0]
    except CellError as error:
        if not wide:
            # Which word comes first means nothing to one register; which byte does.
            try:
                return Order.ABCD if words.high_byte_first(text) else Order.BADC
            except CellError:
                pass
        cells.refuse(role, str(error))
        return None


def _two_columns(cells: RowCells, *, wide: bool) -> AnyOrder | None:
    """Return the order that a byte order and a word order column say."""
    byte_text, word_text = cells.text(Role.BYTE_ORDER), cells.text(Role.WORD_ORDER)
    for role, text in ((Role.BYTE_ORDER, byte_text), (Role.WORD_ORDER, word_text)):
        other = word_text if role is Role.BYTE_ORDER else byte_text
        if not text:
            continue
        full = re.fullmatch(r"[abcd]{4}|[1-4]{4}", compact(text).replace("-", ""))
        if full and other and role is Role.BYTE_ORDER:
            cells.refuse(role, f"names the words too, and {other!r} stands beside it")
            return None
        asks = _asks(cells, role)
        if (full and not other) or (not other and role is Role.BYTE_ORDER and not asks):
            return _order_cell(cells, role, text, wide=wide)
    if not byte_text and not word_text:
        return None
    byte = cells.parse(
        Role.BYTE_ORDER,
        lambda text: words.high_byte_first(text, swap=_asks(cells, Role.BYTE_ORDER)),
    )
    word = cells.parse(
        Role.WORD_ORDER,
        lambda text: words.high_word_first(text, swap=_asks(cells, Role.WORD_ORDER)),
    )
    return words.together(byte_high=byte is not False, word_high=word is not False)


def _asks(cells: RowCells, role: Role) -> bool:
    """Whether the heading asks if bytes or words are swapped."""
    return Qualifier.SWAP in cells.qualifiers(role)
