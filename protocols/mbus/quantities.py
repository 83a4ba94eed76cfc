"""The quantities that a record may have, and the one unit of each (EN 13757-3)."""

from collections.abc import Mapping
from typing import Final

STATUS: Final = "status"
"""The status byte of the telegram's header; no record has it."""
NAMED: Final = "named"
"""Begins a quantity that the meter names in plain text."""

UNITS: Final[Mapping[str, str]] = {
    "energy": "kWh",
    "volume": "m3",
    "mass": "kg",
    "power": "kW",
    "volume_flow": "m3/h",
    "mass_flow": "kg/h",
    "flow_temperature": "degC",
    "return_temperature": "degC",
    "temperature_difference": "K",
    "external_temperature": "degC",
    "cold_or_warm_temperature_limit": "degC",
    "pressure": "bar",
    "relative_humidity": "%",
    "on_time": "h",
    "operating_time": "h",
    "operating_time_battery": "h",
    "avg_duration": "h",
    "actuality_duration": "h",
    "storage_interval": "h",
    "period_of_tariff": "h",
    "duration_since_last_readout": "h",
    "duration_since_last_cumulation": "h",
    "voltage": "V",
    "current": "A",
    "cumul_count_max_power": "kW",
}
"""Numbers with a unit; all others have none."""

TEXTS: Final = frozenset({"date", "date_time", "maker_specific", "dateand_time_of_battery_change"})
"""Dates and times (ISO 8601), and bytes of the maker."""

NUMBERS: Final = frozenset(
    {
        *UNITS,
        "access_code_developer",
        "access_code_operator",
        "access_code_system_operator",
        "access_code_user",
        "access_number",
        "address",
        "any_vif",
        "baudrate",
        "control_signal",
        "cumulation_counter",
        "currency_credit",
        "currency_debit",
        "customer",
        "customer_location",
        "day_of_week",
        "digital_input",
        "digital_output",
        "dimensionless",
        "error_flags",
        "error_masks",
        "fabrication_no",
        "firmware_version",
        "first_storage_nr",
        "hardware_version",
        "heat_cost_units",
        "identification",
        "last_storage_nr",
        "manufacturer",
        "medium",
        "model_version",
        "parameter_set_id",
        "password",
        "res_third_vife_table",
        "reserved",
        "reserved_2",
        "reserved_3",
        "reset_counter",
        "response_delay",
        "retry",
        "rssi",
        "size_of_storage_block",
        "software_version",
        "special_supplier_information",
        "state_of_parameter_activation",
        "time_point_of_day_change",
        "week_number",
    }
)

QUANTITIES: Final = NUMBERS | TEXTS | {STATUS}
"""The words that a quantity begins with, beside ``named``; marks such as ``per_hour`` follow."""
