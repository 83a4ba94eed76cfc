"""Names of metrics and properties that both ends must spell alike."""

from typing import Final

BD_SEQ: Final = "bdSeq"
REBIRTH: Final = "Node Control/Rebirth"
JOURNAL_ACK: Final = "Node Control/Journal Ack"
COMMAND_RESULT: Final = "Command/Result"

SOFTWARE: Final = "Properties/Software"
VERSION: Final = "Properties/Version"
CLASS: Final = "Properties/Class"
PROFILE: Final = "Properties/Profile"
NAME_EN: Final = "Properties/Name/en"
NAME_ZH: Final = "Properties/Name/zh"
UNIT: Final = "Properties/Unit"
ONLINE: Final = "Properties/Online"
"""Boolean of a device birth; false: described, but it does not answer (a DDEATH follows)."""

PROPERTY_QUALITY: Final = "Quality"
PROPERTY_REASON: Final = "Reason"
PROPERTY_ENG_UNIT: Final = "engUnit"
PROPERTY_MAX_SILENCE: Final = "MaxSilence"
PROPERTY_NAME_EN: Final = "Name/en"
PROPERTY_NAME_ZH: Final = "Name/zh"

NOT_A_NUMBER: Final = "not_a_number"
"""Reason of a value that was NaN or infinite; such values are never sent."""
