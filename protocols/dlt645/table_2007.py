"""Data identifiers of DL/T 645-2007."""

from typing import Final

from protocols.dlt645.fields import Field, Kind
from protocols.dlt645.rows import Confidence, Row

_CONFIRMED: Final = Confidence.CONFIRMED
_DOCUMENTED: Final = Confidence.DOCUMENTED
_UNCONFIRMED: Final = Confidence.UNCONFIRMED
_FRAMES: Final = "frames of a meter with values (DLT645-2007 message analysis, 2012)"
_TABLE: Final = "PyPI dlt645 3.2.0, tables of variables and parameters"
_PARAMETERS: Final = "chinasem.cn/article/1129453, table of parameters; PyPI dlt645 3.2.0"
_STATUS: Final = "renrendoc.com/p-25811601, description of the status words"
_CREDIT: Final = "notes of implementers on prepayment meters"


def _energy(unit: str, *, signed: bool = False) -> tuple[Field, ...]:
    return (Field(Kind.NUMBER, 4, 2, unit, signed=signed),)


def _power(unit: str) -> tuple[Field, ...]:
    return (Field(Kind.NUMBER, 3, 4, unit, signed=True),)


_DEMAND_KW: Final = (Field(Kind.NUMBER, 3, 4, "kW"), Field(Kind.DATE_TIME, 5))
_VOLTS: Final = (Field(Kind.NUMBER, 2, 1, "V"),)
_AMPERES: Final = (Field(Kind.NUMBER, 3, 3, "A", signed=True),)
_RATIO: Final = (Field(Kind.NUMBER, 2, 3, signed=True),)
_DEGREES: Final = (Field(Kind.NUMBER, 2, 1, "°"),)
_PERCENT: Final = (Field(Kind.NUMBER, 2, 2, "%"),)
_BATTERY: Final = (Field(Kind.NUMBER, 2, 2, "V"),)
_NUMBER_12: Final = (Field(Kind.DIGITS, 6),)
_TEXT_6: Final = (Field(Kind.TEXT, 6),)
_TEXT_4: Final = (Field(Kind.TEXT, 4),)
_TEXT_10: Final = (Field(Kind.TEXT, 10),)
_COUNT_1: Final = (Field(Kind.NUMBER, 1),)
_MINUTES: Final = (Field(Kind.NUMBER, 1, unit="min"),)
_CONSTANT: Final = (Field(Kind.NUMBER, 3, unit="imp/kWh"),)
_WORD: Final = (Field(Kind.BITS, 2),)

_LETTERS: Final = "the first letter may be sent first or last: Field.reversed_text"
_SIGN: Final = "some meters count beyond 799999.99 without a sign: Field.signed"
_PHASE_FAULTS: Final = {
    0: "voltage_lost",
    1: "undervoltage",
    2: "overvoltage",
    3: "current_lost",
    4: "overcurrent",
    5: "overload",
    6: "power_reversed",
    7: "phase_failed",
    8: "current_cut",
}
STATUS_BITS: Final = {
    1: {
        1: "demand_by_interval",
        2: "clock_battery_low",
        3: "reading_battery_low",
        4: "active_power_reversed",
        5: "reactive_power_reversed",
    },
    2: {
        0: "active_power_reversed_l1",
        1: "active_power_reversed_l2",
        2: "active_power_reversed_l3",
        4: "reactive_power_reversed_l1",
        5: "reactive_power_reversed_l2",
        6: "reactive_power_reversed_l3",
    },
    # Bits 1 and 2 are one number: 0 mains, 1 auxiliary, 2 battery. Bit 6 is unconfirmed.
    3: {
        0: "second_day_table",
        1: "supply_auxiliary",
        2: "supply_battery",
        3: "programming_allowed",
        4: "relay_open",
        6: "relay_command_open",
        7: "pre_trip_alarm",
    },
    4: _PHASE_FAULTS,
    5: _PHASE_FAULTS,
    6: _PHASE_FAULTS,
    # Unconfirmed.
    7: {
        0: "voltage_sequence_reversed",
        1: "current_sequence_reversed",
        2: "voltage_unbalanced",
        3: "current_unbalanced",
        4: "auxiliary_supply_lost",
        5: "power_lost",
        6: "demand_exceeded",
        7: "power_factor_low",
    },
}

ROWS: Final = (
    # Energy; tariff and settlement day.
    Row(
        "0000ttss", "combined_energy", _energy("kWh", signed=True), _DOCUMENTED, _TABLE, doubt=_SIGN
    ),
    Row("0001ttss", "import_energy", _energy("kWh"), _CONFIRMED, _FRAMES),
    Row("0002ttss", "export_energy", _energy("kWh"), _CONFIRMED, _FRAMES),
    Row(
        "0003ttss",
        "reactive_energy_1",
        _energy("kvarh", signed=True),
        _CONFIRMED,
        _FRAMES,
        doubt=_SIGN,
    ),
    Row(
        "0004ttss",
        "reactive_energy_2",
        _energy("kvarh", signed=True),
        _CONFIRMED,
        _FRAMES,
        doubt=_SIGN,
    ),
    Row("0005ttss", "reactive_energy_quadrant_1", _energy("kvarh"), _DOCUMENTED, _TABLE),
    Row("0006ttss", "reactive_energy_quadrant_2", _energy("kvarh"), _DOCUMENTED, _TABLE),
    Row("0007ttss", "reactive_energy_quadrant_3", _energy("kvarh"), _DOCUMENTED, _TABLE),
    Row("0008ttss", "reactive_energy_quadrant_4", _energy("kvarh"), _DOCUMENTED, _TABLE),
    Row("0009ttss", "apparent_import_energy", _energy("kVAh"), _DOCUMENTED, _TABLE),
    Row("000Attss", "apparent_export_energy", _energy("kVAh"), _DOCUMENTED, _TABLE),
    Row("001500ss", "import_energy_l1", _energy("kWh"), _DOCUMENTED, _TABLE),
    Row("002900ss", "import_energy_l2", _energy("kWh"), _DOCUMENTED, _TABLE),
    Row("003D00ss", "import_energy_l3", _energy("kWh"), _DOCUMENTED, _TABLE),
    Row("001600ss", "export_energy_l1", _energy("kWh"), _DOCUMENTED, _TABLE),
    Row("002A00ss", "export_energy_l2", _energy("kWh"), _DOCUMENTED, _TABLE),
    Row("003E00ss", "export_energy_l3", _energy("kWh"), _DOCUMENTED, _TABLE),
    # Prepayment.
    Row("00900100", "remaining_energy", _energy("kWh"), _DOCUMENTED, _CREDIT),
    Row("00900101", "overdrawn_energy", _energy("kWh"), _UNCONFIRMED, _CREDIT),
    Row("00900200", "credit", _energy("CNY"), _DOCUMENTED, _CREDIT),
    Row("00900201", "overdrawn_credit", _energy("CNY"), _UNCONFIRMED, _CREDIT),
    # Maximum demand and the time of it.
    Row("0101ttss", "import_demand", _DEMAND_KW, _DOCUMENTED, _TABLE, endings=("", "_at")),
    Row("0102ttss", "export_demand", _DEMAND_KW, _DOCUMENTED, _TABLE, endings=("", "_at")),
    # What is measured now.
    Row("0201pp00", "voltage", _VOLTS, _CONFIRMED, _FRAMES),
    Row("0202pp00", "current", _AMPERES, _CONFIRMED, _FRAMES),
    Row("0203qq00", "active_power", _power("kW"), _CONFIRMED, _FRAMES),
    Row("0204qq00", "reactive_power", _power("kvar"), _CONFIRMED, _FRAMES),
    Row("0205qq00", "apparent_power", _power("kVA"), _CONFIRMED, _FRAMES),
    Row("0206qq00", "power_factor", _RATIO, _CONFIRMED, _FRAMES),
    Row("0207pp00", "phase_angle", _DEGREES, _DOCUMENTED, _TABLE),
    Row("0208pp00", "voltage_distortion", _PERCENT, _DOCUMENTED, _TABLE),
    Row("0209pp00", "current_distortion", _PERCENT, _DOCUMENTED, _TABLE),
    Row("02800001", "current_neutral", _AMPERES, _CONFIRMED, _TABLE),
    Row("02800002", "frequency", (Field(Kind.NUMBER, 2, 2, "Hz"),), _CONFIRMED, _TABLE),
    Row("02800003", "active_power_minute", _power("kW"), _DOCUMENTED, _TABLE),
    Row("02800004", "active_demand", _power("kW"), _DOCUMENTED, _TABLE),
    Row("02800005", "reactive_demand", _power("kvar"), _DOCUMENTED, _TABLE),
    Row("02800006", "apparent_demand", _power("kVA"), _DOCUMENTED, _TABLE),
    Row(
        "02800007",
        "temperature",
        (Field(Kind.NUMBER, 2, 1, "°C", signed=True),),
        _DOCUMENTED,
        _TABLE,
    ),
    Row("02800008", "clock_battery_voltage", _BATTERY, _DOCUMENTED, _TABLE),
    Row("02800009", "reading_battery_voltage", _BATTERY, _DOCUMENTED, _TABLE),
    Row("0280000A", "battery_time", (Field(Kind.NUMBER, 4, unit="min"),), _DOCUMENTED, _TABLE),
    # Settings.
    Row("04000101", "date", (Field(Kind.DATE, 4),), _DOCUMENTED, _PARAMETERS),
    Row("04000102", "time", (Field(Kind.TIME, 3),), _DOCUMENTED, _PARAMETERS),
    Row("04000103", "demand_period", _MINUTES, _DOCUMENTED, _PARAMETERS),
    Row("04000104", "demand_step", _MINUTES, _DOCUMENTED, _PARAMETERS),
    Row("04000105", "pulse_width", (Field(Kind.NUMBER, 2, unit="ms"),), _DOCUMENTED, _PARAMETERS),
    Row("04000106", "time_zones_switch_at", (Field(Kind.DATE_TIME, 5),), _DOCUMENTED, _PARAMETERS),
    Row("04000107", "day_tables_switch_at", (Field(Kind.DATE_TIME, 5),), _DOCUMENTED, _PARAMETERS),
    Row("04000204", "tariff_count", _COUNT_1, _DOCUMENTED, _PARAMETERS),
    Row("04000401", "address", _NUMBER_12, _DOCUMENTED, _PARAMETERS),
    Row("04000402", "meter_number", _NUMBER_12, _DOCUMENTED, _PARAMETERS),
    Row(
        "04000403",
        "asset_number",
        (Field(Kind.TEXT, 32),),
        _DOCUMENTED,
        _PARAMETERS,
        doubt=_LETTERS,
    ),
    Row("04000404", "rated_voltage", _TEXT_6, _DOCUMENTED, _PARAMETERS, doubt=_LETTERS),
    Row("04000405", "rated_current", _TEXT_6, _DOCUMENTED, _PARAMETERS, doubt=_LETTERS),
    Row("04000406", "maximum_current", _TEXT_6, _DOCUMENTED, _PARAMETERS, doubt=_LETTERS),
    Row("04000407", "active_class", _TEXT_4, _DOCUMENTED, _PARAMETERS, doubt=_LETTERS),
    Row("04000408", "reactive_class", _TEXT_4, _DOCUMENTED, _PARAMETERS, doubt=_LETTERS),
    Row("04000409", "active_constant", _CONSTANT, _DOCUMENTED, _PARAMETERS),
    Row("0400040A", "reactive_constant", _CONSTANT, _DOCUMENTED, _PARAMETERS),
    Row("0400040B", "meter_type", _TEXT_10, _DOCUMENTED, _PARAMETERS, doubt=_LETTERS),
    Row("0400040C", "made_on", _TEXT_10, _DOCUMENTED, _PARAMETERS, doubt=_LETTERS),
    Row(
        "0400040D",
        "protocol_version",
        (Field(Kind.TEXT, 16),),
        _DOCUMENTED,
        _PARAMETERS,
        doubt=_LETTERS,
    ),
    Row(
        "040005nn",
        "status_word",
        _WORD,
        _DOCUMENTED,
        _STATUS,
        bits=STATUS_BITS,
        doubt="bits 6 of word 3 and all of word 7 are unconfirmed; makers use reserved bits",
    ),
    Row("04000E01", "import_power_limit", (Field(Kind.NUMBER, 3, 4, "kW"),), _DOCUMENTED, _TABLE),
    Row("04000E02", "export_power_limit", (Field(Kind.NUMBER, 3, 4, "kW"),), _DOCUMENTED, _TABLE),
    Row("04000E03", "voltage_high_limit", _VOLTS, _DOCUMENTED, _TABLE),
    Row("04000E04", "voltage_low_limit", _VOLTS, _DOCUMENTED, _TABLE),
)
"""First match counts."""
