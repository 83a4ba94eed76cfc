"""What else a row may say of its value: sign, text, time, inversion, spans (pure)."""

import re
from typing import Final

from config.coding import Encoding, Sign
from config.points import DataType
from edge_agent.commissioning.point_table import numbers, states, words
from edge_agent.commissioning.point_table.conventions import Conventions
from edge_agent.commissioning.point_table.outcome import Content, Options
from edge_agent.commissioning.point_table.roles import Role
from edge_agent.commissioning.point_table.row_cells import RowCells
from edge_agent.commissioning.point_table.text import CellError, compact, folded

_ENCODINGS: Final = {one.value.replace("-", ""): one for one in Encoding} | {
    "gb2312": Encoding.GBK,
    "utf16": Encoding.UTF_16_BE,
    "unicode": Encoding.UTF_16_BE,
    "iso88591": Encoding.LATIN_1,
}
_SIGNS: Final = {
    "原码": Sign.MAGNITUDE,
    "符号位": Sign.MAGNITUDE,
    "最高位为符号位": Sign.MAGNITUDE,
    "signmagnitude": Sign.MAGNITUDE,
    "signandmagnitude": Sign.MAGNITUDE,
    "signbit": Sign.MAGNITUDE,
    "反码": Sign.ONES_COMPLEMENT,
    "onescomplement": Sign.ONES_COMPLEMENT,
    "偏移码": Sign.OFFSET_BINARY,
    "移码": Sign.OFFSET_BINARY,
    "offsetbinary": Sign.OFFSET_BINARY,
    **{one.value.replace("_", ""): one for one in Sign},
}
_EPOCH: Final = re.compile(
    r"(?:(ms|milliseconds?|毫秒)|s|sec|seconds?|秒)?\s*(?:since|from|自|从)?\s*"
    r"(\d{4})(?:[-/.年](\d{1,2})[-/.月](\d{1,2})日?)?\s*(?:年|起|以来|年起)?"
)
_UNIX: Final = re.compile(r"unix\s*(?:time(?:stamp)?|时间戳)?|时间戳|timestamp|epoch")
_PARTS: Final = re.compile(
    r"yyyy|yy|年|mm|月|dd|日|hh|时|分|ss|秒|星期|周|weekday|dow|ww?|--|reserved|保留"
)
_FIXED: Final = {
    "yyyy": "YYYY",
    "yy": "YY",
    "年": "YY",
    "月": "MM",
    "dd": "DD",
    "日": "DD",
    "hh": "hh",
    "时": "hh",
    "分": "mm",
    "ss": "ss",
    "秒": "ss",
}


def details(
    cells: RowCells, content: Content, conventions: Conventions, options: Options
) -> Content:
    """Return sign, inversion, encoding, time, word of other states, spans and plausible range."""
    found: Content = {}
    if sign := cells.parse(Role.SIGN, sign_code):
        found["sign"] = sign.value
    if cells.parse(Role.INVERTED, words.is_yes):
        found["inverted"] = True
    if encoding := cells.parse(Role.ENCODING, encoding_of):
        found["encoding"] = encoding.value
    if other := cells.text(Role.OTHERWISE):
        found["otherwise"] = other
    if said := cells.parse(Role.STATE_WORDS, states.words_of_states):
        found["words"] = said
    if plausible := cells.parse(
        Role.PLAUSIBLE, lambda text: numbers.bounds(text, conventions.comma)
    ):
        found["plausible"] = list(plausible)
    return found | _time(cells, content, options) | _spans(cells, conventions)


def sign_code(text: str) -> Sign | None:
    """Return how negative numbers are coded; None where a cell says only whether there are any."""
    return _SIGNS.get(re.sub(r"[\s'_’-]+", "", folded(text)))


def encoding_of(text: str) -> Encoding:
    """Return how text is coded."""
    found = _ENCODINGS.get(compact(text).replace("-", "").replace("_", ""))
    if found is None:
        raise CellError(f"expected one of {', '.join(Encoding)}, got {text!r}")
    return found


def time_of(text: str, zone: str | None) -> dict[str, str]:
    """Return the time of a point: 'YY MM DD hh mm ss BCD', 'unix', 'seconds since 2000-01-01'."""
    plain = folded(text)
    if _UNIX.fullmatch(plain):
        # By its definition the same everywhere, whatever the zone of other clocks.
        return {"counts": "seconds"}
    if count := _EPOCH.fullmatch(plain):
        made = {"counts": "milliseconds" if count[1] else "seconds"}
        made["epoch"] = f"{count[2]}-{int(count[3] or 1):02}-{int(count[4] or 1):02}"
        return made | ({"zone": zone} if zone else {})
    coding = "bcd" in plain
    registers = bool(re.search(r"registers?|words?|寄存器", plain))
    rest = re.sub(
        r"bcd码?|(?:in |one |each |每个?|各占?)*(?:registers?|words?|寄存器)|binary|二进制",
        " ",
        plain,
    )
    if re.sub(r"[\s:/.,、-]+", "", _PARTS.sub("", rest)):
        raise CellError(
            "expected parts in their sequence, such as 'YY MM DD hh mm ss BCD' or 年月日时分秒, or "
            f"'seconds since 2000-01-01', or unix; got {text!r}"
        )
    layout = _layout(_PARTS.findall(rest))
    made = {"layout": " ".join(layout)}
    if coding:
        made["coding"] = "bcd"
    if registers:
        made["parts"] = "registers"
    whole = {"DD", "hh"} <= set(layout)
    if whole and zone is None:
        raise CellError(f"whose clock is it? Say --zone Asia/Shanghai (or UTC); got {text!r}")
    return made | ({"zone": zone} if whole and zone else {})


def _layout(tokens: list[str]) -> list[str]:
    """Return the parts; MM is minutes behind hours, months elsewhere."""
    found: list[str] = []
    for part in tokens:
        if part == "mm":
            found.append("mm" if "hh" in found else "MM")
        else:
            found.append(_FIXED.get(part, "--"))
    return found


def _time(cells: RowCells, content: Content, options: Options) -> Content:
    if content.get("type") != DataType.DATETIME:
        if cells.text(Role.TIME) and content.get("type"):
            cells.refuse(Role.TIME, f"a {content['type']} has no layout of a date and time")
        return {}
    if not cells.text(Role.TIME):
        cells.refuse(
            Role.TYPE,
            "a datetime needs time: how does it lie in its registers? Add a column "
            "时间格式 with 'YY MM DD hh mm ss BCD', 'seconds since 2000-01-01' or unix",
        )
        return {}
    made = cells.parse(Role.TIME, lambda text: time_of(text, options.zone))
    if made and "epoch" in made and "zone" not in made:
        cells.assume("no column says in which zone seconds are counted: UTC is assumed (--zone)")
    return {"time": made} if made else {}


def _spans(cells: RowCells, conventions: Conventions) -> Content:
    """Return the two raw numbers and the two values that they are."""

    def number(role: Role) -> float | None:
        return cells.parse(role, lambda text: numbers.number(text, conventions.comma))

    raw = (number(Role.RAW_MINIMUM), number(Role.RAW_MAXIMUM))
    if raw == (None, None):
        return {}
    span = (number(Role.MINIMUM), number(Role.MAXIMUM))
    if None in {*raw, *span}:
        cells.refuse(
            Role.RAW_MINIMUM,
            "two raw numbers need two values: fill raw minimum, raw maximum, minimum and maximum",
        )
        return {}
    return {"raw_span": list(raw), "span": list(span)}
