"""The receivers of the server file as open channels."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from config.errors import ConfigError
from config.server import MessageSettings
from server.core.clock import Clock
from server.notifications.channels.base import Channel
from server.notifications.channels.webhook import WebhookChannel, load_secret

Route = tuple[str, str]
"""Channel and receiver, as a message row names them."""


@asynccontextmanager
async def open_channels(
    settings: MessageSettings, clock: Clock
) -> AsyncGenerator[Mapping[Route, Channel]]:
    """Open a channel for each receiver.

    Raises:
        ConfigError: Two receivers have one name, or a secret cannot be read.
    """
    async with AsyncExitStack() as stack:
        channels: dict[Route, Channel] = {}
        for webhook in settings.webhooks:
            route = ("webhook", webhook.name)
            if route in channels:
                raise ConfigError(f"messages.webhooks: two receivers are named {webhook.name!r}")
            channel = WebhookChannel(webhook, secret=load_secret(webhook), clock=clock)
            channels[route] = await stack.enter_async_context(channel)
        yield channels
