"""M-Bus data blocks to records, by the tables of pyMeterBus; its only importer.

The library is slow (1 ms for a telegram) and loaded only when the first telegram is decoded: call
this in a worker thread. What its tables have for a VIF is used as it is; one unit for each
quantity and the corrections of VIFEs, which it leaves out, are made here.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from threading import Lock
from types import ModuleType
from typing import Final, NamedTuple

from config.mbus import MBUS_MISSING
from protocols.errors import FrameError
from protocols.mbus.dates import decode_date
from protocols.mbus.frames import LongFrame
from protocols.mbus.record import Record
from protocols.mbus.telegram import (
    MAKER_SPECIFIC,
    MORE_FOLLOWS,
    Block,
    Header,
    decode_telegram,
)
from protocols.reading import Value


class RecordsUnavailableError(FrameError):
    """pyMeterBus is not installed."""


@dataclass(frozen=True, slots=True)
class DecodedTelegram:
    """What one telegram says.

    Attributes:
        header: Who sent it; None: it says nothing about that.
        records: Its values.
        more: Whether another telegram follows.
    """

    header: Header | None
    records: tuple[Record, ...]
    more: bool


class _Unit(NamedTuple):
    """The unit of a quantity here: value * factor + shift."""

    unit: str
    factor: Fraction
    shift: Fraction = Fraction(0)


_KWH_OF_J: Final = Fraction(1, 3_600_000)
_FAHRENHEIT: Final = Fraction(5, 9)
_FAHRENHEIT_APART: Final = "degF apart"
_GALLON_M3: Final = Fraction("0.003785411784")
_UNITS: Final[Mapping[str, _Unit]] = {
    "Wh": _Unit("kWh", Fraction(1, 1000)),
    "J": _Unit("kWh", _KWH_OF_J),
    "W": _Unit("kW", Fraction(1, 1000)),
    "J/h": _Unit("kW", _KWH_OF_J),
    "m^3": _Unit("m3", Fraction(1)),
    "feet^3": _Unit("m3", Fraction("0.028316846592")),
    "American gallon": _Unit("m3", _GALLON_M3),
    "m^3/h": _Unit("m3/h", Fraction(1)),
    "m^3/min": _Unit("m3/h", Fraction(60)),
    "m^3/s": _Unit("m3/h", Fraction(3600)),
    "American gallon/min": _Unit("m3/h", 60 * _GALLON_M3),
    "American gallon/h": _Unit("m3/h", _GALLON_M3),
    "kg": _Unit("kg", Fraction(1)),
    "kg/h": _Unit("kg/h", Fraction(1)),
    "C": _Unit("degC", Fraction(1)),
    "degF": _Unit("degC", _FAHRENHEIT, -32 * _FAHRENHEIT),
    "K": _Unit("K", Fraction(1)),
    _FAHRENHEIT_APART: _Unit("K", _FAHRENHEIT),
    "bar": _Unit("bar", Fraction(1)),
    "seconds": _Unit("h", Fraction(1, 3600)),
    "V": _Unit("V", Fraction(1)),
    "A": _Unit("A", Fraction(1)),
    "%": _Unit("%", Fraction(1)),
}
"""By the name that pyMeterBus has; others have none."""
_NO_UNIT: Final = _Unit("", Fraction(1))
_QUANTITIES: Final[Mapping[str, str]] = {
    "energy_wh": "energy",
    "energy_j": "energy",
    "power_w": "power",
    "power_j_h": "power",
    "volume_flow_ext": "volume_flow",
    "volume_flow_ext_s": "volume_flow",
    "date_time_general": "date_time",
    "units_for_hca": "heat_cost_units",
    "volts": "voltage",
    "ampere": "current",
    "variable_vif": "named",
    "manufacturer_spec": "maker_specific",
}
"""By the name that pyMeterBus has, in small letters; others keep it."""
_UNITS_BY_VIF: Final = {
    **dict.fromkeys(("FB08", "FB09"), "J"),
    **dict.fromkeys(("FB30", "FB31"), "J/h"),
    **dict.fromkeys(("FB60", "FB61", "FB62", "FB63"), _FAHRENHEIT_APART),
}
"""Where pyMeterBus names none, or another's: GJ, GJ/h, differences in degrees Fahrenheit."""
_FACTORS_BY_VIF: Final = {"FB79": Fraction(10)}
"""Where a factor of pyMeterBus is wrong: 0.01 W."""

_EXTENSION: Final = 0x80
_PLAIN_TEXT: Final = 0x7C
_MAKERS_OWN: Final = 0x7F
_EXTENSION_TABLES: Final = (0xFB, 0xFD)
_DATE_VIFS: Final = (0x6C, 0x6D)
_EXTENDED_DATES: Final = ((0x7D, 0x30), (0x7D, 0x70))
"""Begin of a tariff and change of the battery; FDH without its extension bit."""
_REAL, _VARIABLE = 0x05, 0x0D
_BCD: Final = frozenset({0x09, 0x0A, 0x0B, 0x0C, 0x0E})
_NO_DATA: Final = frozenset({0x00, 0x08})
_RECORD_ERRORS: Final = range(0x01, 0x20)

_loading: Final = Lock()


def load_library() -> ModuleType:
    """Return pyMeterBus; its import leaves the logging of this process as it is.

    Raises:
        RecordsUnavailableError: It is not installed.
    """
    root, keep = logging.getLogger(), logging.NullHandler()
    with _loading:
        # It calls logging.basicConfig, which does nothing where there is a handler.
        root.addHandler(keep)
        try:
            import meterbus  # noqa: PLC0415 (an extra of its own, and half a second)
        except ImportError as error:
            raise RecordsUnavailableError(f"{MBUS_MISSING} ({error})") from error
        finally:
            root.removeHandler(keep)
    return meterbus


def decode_records(frame: LongFrame) -> DecodedTelegram:
    """Return the values of an answer; a block that cannot be decoded is a record with a problem.

    Raises:
        FrameError: The answer as a whole cannot be decoded: fixed structure, application error,
            encrypted, or cut. The message ends with its bytes.
        RecordsUnavailableError: pyMeterBus is not installed.
    """
    library = load_library()
    try:
        telegram = decode_telegram(frame)
    except FrameError as error:
        raise FrameError(f"{error}; telegram {frame.encode().hex(' ').upper()}") from error
    records = [
        _record(block, library)
        for block in telegram.blocks
        if block.dib[0] != MORE_FOLLOWS and block.coding not in _NO_DATA
    ]
    return DecodedTelegram(telegram.header, tuple(records), telegram.more)


def _record(block: Block, library: ModuleType) -> Record:
    if block.dib[0] == MAKER_SPECIFIC:
        text = block.data.hex(" ").upper()
        return Record(0, 0, 0, block.function, "maker_specific", "", text)
    try:
        quantity, unit, value, problem = _decoded(block, library)
    except (LookupError, TypeError) as error:
        hexadecimal = (block.dib + block.vib + block.data).hex(" ").upper()
        quantity, unit, value = "unknown", "", None
        problem = f"pyMeterBus does not know this block ({error!r}): {hexadecimal}"
    return Record(
        block.storage,
        block.tariff,
        block.subunit,
        block.function,
        quantity,
        block.vib.hex().upper(),
        value,
        unit,
        problem,
    )


def _decoded(block: Block, library: ModuleType) -> tuple[str, str, Value, str]:
    """Return quantity, unit, value and why there is none."""
    multiplier, unit_name, quantity = _meaning(block, library)
    if _is_date(block):
        text = decode_date(block.data)
        return quantity, "", text or None, "" if text else "no date"
    if failed := _record_error(block):
        return quantity, "", None, failed
    if block.coding == _VARIABLE:
        return quantity, "", _text(block.data), ""
    field = library.TelegramField(list(block.data))
    if block.coding in _BCD:
        digits = block.data[::-1].hex()
        if not (digits[1:].isdecimal() and digits[0] in "0123456789f"):
            return quantity, "", None, f"no BCD: {digits.upper()}"
        raw: float = field.decodeBCD
    else:
        raw = field.decodeReal if block.coding == _REAL else field.decodeInt
    unit = _UNITS.get(unit_name, _NO_UNIT)
    factor, addend = _corrections(block)
    if raw != raw or abs(raw) == float("inf"):  # noqa: PLR0124 (not a number)
        return quantity, unit.unit, None, "not a number"
    value = (_exact(raw) * multiplier * factor + addend) * unit.factor + unit.shift
    whole = value.denominator == 1 and not unit.unit
    return quantity, unit.unit, int(value) if whole else float(value), ""


def _is_date(block: Block) -> bool:
    if block.vib[0] in _EXTENSION_TABLES:
        return tuple(one & ~_EXTENSION for one in block.vib[:2]) in _EXTENDED_DATES
    return block.vib[0] & ~_EXTENSION in _DATE_VIFS


def _exact(raw: float) -> Fraction:
    """Return a number exactly; a float32 as its shortest decimal, as meters show it."""
    return Fraction(raw) if isinstance(raw, int) else Fraction(f"{raw:.7g}")


def _meaning(block: Block, library: ModuleType) -> tuple[Fraction, str, str]:
    """Return multiplier, name of the unit and quantity of a VIF.

    Raises:
        LookupError: The tables do not have it.
    """
    vib = block.vib
    vif = vib[0]
    if vif & ~_EXTENSION == _PLAIN_TEXT:
        name = block.text[::-1].decode("latin-1").strip()
        return Fraction(1), "", f"named {name}"
    if vif in _EXTENSION_TABLES:
        code = vib[1] & ~_EXTENSION | (0x200 if vif == _EXTENSION_TABLES[0] else 0x100)
        prefix = f"{vif:02X}{vib[1] & ~_EXTENSION:02X}"
    else:
        code, prefix = vif & ~_EXTENSION, ""
    multiplier, unit, kind = library.VIFTable.lut[code]
    name = str(getattr(kind, "name", kind)).lower().replace(" ", "_").replace("/", "or")
    quantity = _QUANTITIES.get(name, name)
    marks = (library.VIFTable.enh.get(one) for one in _extensions(block))
    quantity = " ".join([quantity, *(mark.name.lower() for mark in marks if mark)])
    factor = Fraction(str(multiplier)) * _FACTORS_BY_VIF.get(prefix, 1)
    return factor, _UNITS_BY_VIF.get(prefix, str(getattr(unit, "value", unit))), quantity


def _extensions(block: Block) -> Sequence[int]:
    """Return the VIFEs that qualify a quantity, their extension bits left out.

    What follows a VIF or VIFE of the maker's own is the maker's as well.
    """
    vif = block.vib[0]
    own = [one & ~_EXTENSION for one in block.vib[2 if vif in _EXTENSION_TABLES else 1 :]]
    if vif & ~_EXTENSION == _MAKERS_OWN:
        return ()
    return own[: own.index(_MAKERS_OWN)] if _MAKERS_OWN in own else own


def _record_error(block: Block) -> str:
    errors = [one for one in _extensions(block) if one in _RECORD_ERRORS]
    return f"record error {errors[0]:02X}H" if errors else ""


def _corrections(block: Block) -> tuple[Fraction, Fraction]:
    """Return factor and addend of the VIFEs that have one (EN 13757-3, orthogonal VIFEs)."""
    factor, addend = Fraction(1), Fraction(0)
    for one in _extensions(block):
        if 0x70 <= one <= 0x77:  # noqa: PLR2004
            factor *= Fraction(10) ** ((one & 7) - 6)
        elif 0x78 <= one <= 0x7B:  # noqa: PLR2004
            addend += Fraction(10) ** ((one & 3) - 3)
        elif one == 0x7D:  # noqa: PLR2004
            factor *= 1000
    return factor, addend


def _text(data: bytes) -> str:
    """Return text, which is sent with its last letter first; else its bytes."""
    text = data[::-1].decode("latin-1").strip("\0 ")
    return text if text.isprintable() else data.hex(" ").upper()
