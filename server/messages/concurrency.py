"""How many messages each channel may have on its way, so that one that hangs holds up no other."""

from collections import Counter
from collections.abc import Callable

_SIZE = 10
_KEPT_FOR_URGENT = 3

LaneOf = Callable[[str, str, str], str]
"""Name of the channel that a message's channel, receiver and address lead to."""


def one_lane_each(channel: str, _receiver: str, _address: str) -> str:
    """The channel of the message itself."""
    return channel


class ChannelConcurrency:
    """The free slots of one look for messages.

    Attributes:
        refused: A message is due and waits for a slot of its channel.
    """

    def __init__(self, lane_of: LaneOf, busy: Counter[str], *, size: int = _SIZE) -> None:
        self._lane_of = lane_of
        self._busy = Counter(busy)
        self._size = size
        self.refused = False

    def free(self, way: tuple[str, str, str], *, urgent: bool) -> bool:
        """Say whether a message may go this way now; the last slots are for urgent ones."""
        allowed = self._size - (0 if urgent else min(_KEPT_FOR_URGENT, self._size - 1))
        free = self._busy[self._lane_of(*way)] < allowed
        self.refused = self.refused or not free
        return free

    def take(self, way: tuple[str, str, str]) -> None:
        """A message goes this way."""
        self._busy[self._lane_of(*way)] += 1
