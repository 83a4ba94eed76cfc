"""Data identifiers of DL/T 645-1997, with their own scales."""

from typing import Final

from protocols.dlt645.fields import Field, Kind
from protocols.dlt645.rows import Confidence, Row

_CONFIRMED: Final = Confidence.CONFIRMED
_DOCUMENTED: Final = Confidence.DOCUMENTED
_UNCONFIRMED: Final = Confidence.UNCONFIRMED
_FRAMES: Final = "a meter's frames (kaledl.com/down/1493168)"
_MANUAL: Final = "a gateway maker's manual (Heyuan ASDU-LS, page 18): B611, 0100 = 100 V"
_MAPPING: Final = (
    "a concentrator's mapping of the 1997 numbers to those of 2007 (coyool dd645_2007.c)"
)
_NUMBERS: Final = "github KTS-Intek/DLT645, list of numbers"
_NOTES: Final = "notes of implementers; the standard's own text was not at hand"

_KWH: Final = (Field(Kind.NUMBER, 4, 2, "kWh"),)
_KVARH: Final = (Field(Kind.NUMBER, 4, 2, "kvarh"),)
_VOLTS: Final = (Field(Kind.NUMBER, 2, 0, "V"),)
_AMPERES: Final = (Field(Kind.NUMBER, 2, 2, "A"),)
_KW: Final = (Field(Kind.NUMBER, 3, 4, "kW"),)
_KVAR: Final = (Field(Kind.NUMBER, 2, 2, "kvar"),)
_RATIO: Final = (Field(Kind.NUMBER, 2, 3),)
_NUMBER_12: Final = (Field(Kind.DIGITS, 6),)

_TENTHS: Final = "meters of higher voltages or newer makers send tenths: Field.decimals"
_SCALE: Final = "scale not seen with a value; a meter may use another: Field.decimals"
_SIGN: Final = "power that flows back may come with a sign bit: Field.signed"

ROWS: Final = (
    # Energy now, of last month (94, 95) and of the month before (98, 99).
    Row("901r", "import_energy", _KWH, _CONFIRMED, _FRAMES),
    Row("902r", "export_energy", _KWH, _DOCUMENTED, _NUMBERS),
    Row("911r", "import_reactive_energy", _KVARH, _DOCUMENTED, _NUMBERS),
    Row("912r", "export_reactive_energy", _KVARH, _DOCUMENTED, _NUMBERS),
    Row("913r", "reactive_energy_quadrant_1", _KVARH, _DOCUMENTED, _MAPPING),
    # The mapping has the quadrants of 1997 in the sequence 1, 4, 2, 3.
    Row("914r", "reactive_energy_quadrant_4", _KVARH, _DOCUMENTED, _MAPPING),
    Row("915r", "reactive_energy_quadrant_2", _KVARH, _DOCUMENTED, _MAPPING),
    Row("916r", "reactive_energy_quadrant_3", _KVARH, _DOCUMENTED, _MAPPING),
    Row("941r", "import_energy_last_month", _KWH, _DOCUMENTED, _NUMBERS),
    Row("942r", "export_energy_last_month", _KWH, _DOCUMENTED, _NUMBERS),
    Row("951r", "import_reactive_energy_last_month", _KVARH, _DOCUMENTED, _NUMBERS),
    Row("952r", "export_reactive_energy_last_month", _KVARH, _DOCUMENTED, _NUMBERS),
    Row("981r", "import_energy_month_before", _KWH, _UNCONFIRMED, _NOTES),
    Row("982r", "export_energy_month_before", _KWH, _UNCONFIRMED, _NOTES),
    # What is measured now.
    Row("B61p", "voltage", _VOLTS, _DOCUMENTED, _MANUAL, doubt=_TENTHS),
    Row("B62p", "current", _AMPERES, _UNCONFIRMED, _NOTES, doubt=_SCALE),
    Row("B63q", "active_power", _KW, _UNCONFIRMED, _NOTES, doubt=f"{_SCALE}; {_SIGN}"),
    Row("B64q", "reactive_power", _KVAR, _UNCONFIRMED, _NOTES, doubt=f"{_SCALE}; {_SIGN}"),
    Row("B65q", "power_factor", _RATIO, _UNCONFIRMED, _NOTES, doubt=_SCALE),
    # Clock, status, numbers.
    Row(
        "C010",
        "date",
        (Field(Kind.DATE, 4),),
        _DOCUMENTED,
        _NUMBERS,
        doubt="Sunday may be 7: Field.sunday",
    ),
    Row("C011", "time", (Field(Kind.TIME, 3),), _DOCUMENTED, _NUMBERS),
    Row("C020", "status_word", (Field(Kind.BITS, 1),), _DOCUMENTED, _MAPPING),
    Row("C021", "supply_status_word", (Field(Kind.BITS, 1),), _UNCONFIRMED, _NOTES),
    Row("C032", "meter_number", _NUMBER_12, _DOCUMENTED, _NUMBERS),
    Row("C033", "customer_number", _NUMBER_12, _UNCONFIRMED, _NOTES),
    Row("C034", "device_number", _NUMBER_12, _UNCONFIRMED, _NOTES),
)
"""First match counts."""
