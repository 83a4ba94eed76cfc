"""The bits of a register that a remark gives a meaning: points of their own (pure)."""

import re
import unicodedata
from typing import Final

from config.points import DataType
from edge_agent.commissioning.point_table import states
from edge_agent.commissioning.point_table.naming import Canon
from edge_agent.commissioning.point_table.outcome import Content
from edge_agent.commissioning.point_table.text import CellError, compact

_REGISTERS: Final = {
    DataType.UINT16: 1,
    DataType.INT16: 1,
    DataType.UINT32: 2,
    DataType.INT32: 2,
}
_KEY: Final = re.compile(
    r"(?:^|[\s;,、/|。]+)(?:bits?\s*\.?\s*|b|d|第|位\s*)(\d{1,2})\s*位?\s*(?:[=:]|-+>?|—+|–|→|\s|、|\.)\s*",
    re.IGNORECASE,
)
_NOTHING: Final = frozenset(
    "保留 预留 备用 未用 未使用 空 无 reserved reserve spare unused notused res rsvd "
    "n/a na - --".split()
)
_EDGES: Final = " \t\n\r;,、/|。"
_NO: Final = frozenset("正常 无 否 关 停 停止 ok off no normal none inactive false".split())
_LONGEST: Final = 48


def bit_meanings(text: str) -> dict[int, str] | None:
    """Return bit to meaning; None where the text says something else besides, or ranges of bits.

    ``bit0:0=normal,1=trip`` means trip; where 0 is what matters nothing is guessed.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    keys = list(_KEY.finditer(plain))
    if not keys or plain[: keys[0].start()].strip(_EDGES):
        return None
    found: dict[int, str] = {}
    ends = [*(one.start() for one in keys[1:]), len(plain)]
    for one, end in zip(keys, ends, strict=True):
        meaning = _one_state(plain[one.end() : end].strip(_EDGES))
        bit = int(one[1])
        if not meaning or bit in found or states.names_bits(meaning):
            return None
        found[bit] = meaning
    return found


def bit_points(text: str, name: str, content: Content, canon: Canon) -> dict[str, Content] | None:
    """Return the points of the bits that a text gives a meaning; None where it is ambiguous.

    Args:
        text: ``bit0:over voltage;bit1:under voltage``.
        name: Point of the whole register.
        content: Its options.
        canon: Points of the equipment class, for meanings that it knows.
    """
    meanings = bit_meanings(text)
    registers = _REGISTERS.get(DataType(str(content["type"])))
    if not meanings or registers is None or max(meanings) >= 16 * registers:
        return None
    if re.search(r"第\s*\d", unicodedata.normalize("NFKC", text)) and 0 not in meanings:
        return None
    shared = {key: content[key] for key in ("table", "address", "order") if key in content}
    found: dict[str, Content] = {}
    for bit, meaning in meanings.items():
        if compact(meaning) in _NOTHING:
            continue
        point: Content = {**shared, "type": DataType.BIT.value, "bit": bit}
        if registers > 1:
            point["length"] = registers
        known = canon.names.get(compact(meaning))
        word = re.sub(r"[^a-z0-9]+", "_", meaning.casefold()).strip("_")
        latin = meaning.isascii() and re.match("[a-z]", word)
        own = known or (f"{name}_{word}"[:_LONGEST] if latin else f"{name}_bit{bit}")
        if own in found:
            own = f"{name}_bit{bit}"
        if known is None or own != known:
            english = meaning if meaning.isascii() else f"{name.replace('_', ' ')} bit {bit}"
            point["name"] = {"en": english[:120], "zh": meaning[:120]}
        found[own] = point
    return found


def _one_state(meaning: str) -> str:
    """Return the word of 1 where a bit has two states and 0 is the idle one; "" if ambiguous."""
    try:
        both = states.states(meaning)
    except CellError:
        return "" if re.search(r"\d\s*[=:]", meaning) else meaning
    if set(both) == {0, 1} and compact(both[0]) in _NO:
        return both[1]
    return ""
