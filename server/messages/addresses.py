"""Which channel of the server file is meant, and whether an address is one for it; pure."""

import re
from email.errors import HeaderParseError
from email.message import EmailMessage

from config.channels import EmailChannel, ShortChannel
from config.server import WEBHOOK, MessageSettings

_PHONE = re.compile(r"^(?:\+86)?(1[3-9][0-9]{9})$")


def channel_name(
    settings: MessageSettings, channel: str, receiver: str, address: str
) -> str | None:
    """Return which channel of the server file is meant, or None.

    A message names a channel, or a kind of channel: then the one that its address names, else the
    first of that kind.
    """
    if channel in settings.channels:
        return channel
    if channel == WEBHOOK:
        hooks = {one.name for one in settings.webhooks}
        return next((name for name in (address, receiver) if name in hooks), None)
    if any(one.name == channel for one in settings.webhooks):
        return channel
    kin = [name for name, one in settings.channels.items() if one.kind == channel]
    return address if address in kin else next(iter(kin), None)


def address_problem(settings: MessageSettings, name: str, address: str) -> str | None:
    """Return what is wrong with an address for a channel of the server file, or None."""
    channel = settings.channels.get(name)
    if isinstance(channel, EmailChannel):
        return mail_problem(address)
    return phone_problem(address) if isinstance(channel, ShortChannel) else None


def mail_problem(address: str) -> str | None:
    """Return what is wrong with an e-mail address."""
    local, at, domain = address.rpartition("@")
    good = at and local and domain and address.isprintable() and not set(address) & set(" <>,;")
    return None if good and _fits_header(address) else f"{address!r} is no e-mail address"


def phone_of(address: str) -> str | None:
    """Return the eleven digits of a mainland mobile number, or None."""
    found = _PHONE.match(re.sub(r"[\s-]", "", address))
    return found[1] if found else None


def phone_problem(address: str) -> str | None:
    """Return what is wrong with a telephone number."""
    return None if phone_of(address) else f"{address!r} is no mobile number such as 13800138000"


def _fits_header(address: str) -> bool:
    """Whether the library that writes the mail reads the same one address in it."""
    mail = EmailMessage()
    try:
        mail["To"] = address
        addresses = mail["To"].addresses
    except (ValueError, IndexError, AttributeError, TypeError, HeaderParseError):
        return False
    return [one.addr_spec for one in addresses] == [address]
