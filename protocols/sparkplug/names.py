"""Names of metrics and properties that both ends must spell alike."""

from typing import Final

BD_SEQ: Final = "bdSeq"
REBIRTH: Final = "Node Control/Rebirth"
JOURNAL_ACK: Final = "Node Control/Journal Ack"
COMMAND_RESULT: Final = "Command/Result"

SOFTWARE: Final = "Properties/Software"
VERSION: Final = "Properties/Version"
DEVICES: Final = "Properties/Devices"
"""String of a node: the device ids that it is configured with, separated by commas; no device that
is missing here is expected to answer. Born with the node, sent again (NDATA) when it changes."""
CLASS: Final = "Properties/Class"
PROFILE: Final = "Properties/Profile"
NAME_EN: Final = "Properties/Name/en"
NAME_ZH: Final = "Properties/Name/zh"
UNIT: Final = "Properties/Unit"
ONLINE: Final = "Properties/Online"
"""Boolean of a device birth; false: described, but it does not answer (a DDEATH follows)."""

STATE: Final = "Properties/State"
"""String: online, degraded (an answer is missing now and then) or offline (only probed)."""
STATE_REASON: Final = "Properties/State/Reason"
"""String: the fixed word of the failure behind the state; empty when online."""

PROPERTY_QUALITY: Final = "Quality"
PROPERTY_REASON: Final = "Reason"
PROPERTY_ENG_UNIT: Final = "engUnit"
PROPERTY_MAX_SILENCE: Final = "MaxSilence"
PROPERTY_WRITABLE: Final = "Writable"
"""Boolean, true: the point may be commanded, from Minimum to Maximum."""
PROPERTY_MINIMUM: Final = "Minimum"
PROPERTY_MAXIMUM: Final = "Maximum"
PROPERTY_INTERLOCK: Final = "Interlock"
"""String: what must hold before a command goes out, in the words of the gateway's file."""
PROPERTY_TOTALIZER: Final = "Totalizer"
"""Boolean, true: a total; it falls only when it wraps (at WrapsAt) or is reset."""
PROPERTY_WRAPS_AT: Final = "WrapsAt"
PROPERTY_BY: Final = "By"
"""Of a command: who asks; Reason says why."""
PROPERTY_NAME_EN: Final = "Name/en"
PROPERTY_NAME_ZH: Final = "Name/zh"
_WORDS: Final = "Words/"

NOT_A_NUMBER: Final = "not_a_number"
"""Reason of a value that was NaN or infinite; such values are never sent."""

NOT_READ: Final = "not_read"
"""Reason of a metric that is born before its first reading; it is no reading itself."""


def words_property(state: str, language: str) -> str:
    """Return the property that says what people call a state of a point: ``Words/auto/zh``."""
    return f"{_WORDS}{state}/{language}"


def state_and_language(name: str) -> tuple[str, str] | None:
    """Return what a property says the words of, and in which language; None: another property."""
    if not name.startswith(_WORDS):
        return None
    state, _, language = name[len(_WORDS) :].rpartition("/")
    return (state, language) if state and language else None
