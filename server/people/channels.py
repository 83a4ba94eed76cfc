"""Which channels the server has, and whether they lead anywhere."""

from config.channels import RobotChannel
from config.server import MessageSettings
from server.messages.addresses import address_problem, channel_name, phone_of
from server.messages.digests import GROUP


class KnownChannels:
    """The channels of the server file."""

    def __init__(self, settings: MessageSettings) -> None:
        self._settings = settings

    def reach(self, person: str, channel: str, address: str) -> bool:
        """Return whether there is such a channel and the address is one for it.

        Args:
            person: Name of the receiver; a webhook may be called like it.
        """
        name = channel_name(self._settings, channel, person, address)
        return name is not None and address_problem(self._settings, name, address) is None

    def problem(self, channel: str, address: str | None) -> str | None:
        """Return what is wrong with an address that was written for a channel, or None."""
        name = None if address is None else channel_name(self._settings, channel, "", address)
        return address_problem(self._settings, name, address or "") if name else None

    def destination(self, channel: str, receiver: str, address: str) -> str | None:
        """Return what a message reaches: a group, a mailbox, a telephone; None for a webhook.

        What a webhook calls is for programs, which may well tell persons apart.
        """
        name = channel_name(self._settings, channel, receiver, address)
        settings = self._settings.channels.get(name or "")
        if settings is None:
            return None
        if isinstance(settings, RobotChannel):
            return f"{GROUP}{name}"
        return f"{name} {phone_of(address) or address.casefold()}"


Channels = KnownChannels | None
"""None: not checked."""


def channel_names(messages: MessageSettings) -> KnownChannels:
    """Return what persons may name: webhooks, channels and kinds of channels of the server file."""
    return KnownChannels(messages)
