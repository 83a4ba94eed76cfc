"""The STATE message of a host: the only payload of Sparkplug B that is JSON, QoS 1, retained."""

import json
from typing import Any, Final, NamedTuple

from protocols.errors import FrameError

_MAX_BYTES: Final = 1024
"""A STATE has some fifty bytes; the limit also keeps nested brackets from the parser."""


class State(NamedTuple):
    """Whether a host is there.

    Attributes:
        timestamp: UTC ms; the death carries the one of its birth.
    """

    online: bool
    timestamp: int


def encode_state(state: State) -> bytes:
    """Return the payload of a birth or death of a host."""
    return json.dumps(state._asdict(), separators=(",", ":")).encode()


def decode_state(payload: bytes) -> State:
    """Return what a host says; FrameError on anything else, the plain ONLINE of 2.2 included."""
    if len(payload) > _MAX_BYTES:
        raise FrameError(f"a STATE of {len(payload)} bytes")
    try:
        fields: Any = json.loads(payload)
        online, timestamp = fields["online"], fields["timestamp"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise FrameError(f"not a STATE: {payload[:100]!r}") from None
    if not isinstance(online, bool) or type(timestamp) is not int or timestamp < 0:
        raise FrameError(f"not a STATE: {payload[:100]!r}")
    return State(online, timestamp)
