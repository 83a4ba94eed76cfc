"""The ways to people that the server file has."""

from collections.abc import Generator

from config.server import MessageSettings
from server.doctor.finding import Finding, ok, warn


def look_at_channels(messages: MessageSettings) -> Generator[Finding]:
    """Yield what is configured; whether it works is seen in the outbox."""
    webhooks = [f"{one.name} (webhook)" for one in messages.webhooks]
    named = [*webhooks, *(f"{name} ({one.kind})" for name, one in messages.channels.items())]
    if named:
        yield ok("channels", ", ".join(named))
    else:
        yield warn("channels", "none: alarms are on the page only", "see docs/messages.md")
    if messages.links is None:
        yield ok("channels", "no links that acknowledge from a telephone (messages.links)")
    if messages.heartbeat is None:
        yield warn(
            "channels",
            "no sign of life: nobody is told when this whole machine dies",
            "have another service watch it: messages.heartbeat",
        )
