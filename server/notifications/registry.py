"""The channels of the server file, opened, and which of them a message takes."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from config.channels import (
    AliyunSmsChannel,
    AliyunVoiceChannel,
    AnyChannel,
    DingTalkChannel,
    EmailChannel,
    FeishuChannel,
    HeartbeatSettings,
    LinkSettings,
    TencentSmsChannel,
    WeComChannel,
)
from config.errors import ConfigError
from config.server import MessageSettings, WebhookSettings
from server.core.clock import Clock
from server.messages.addresses import channel_name
from server.messages.links import LinkKey
from server.messages.rate_limits import DeliveryPolicy
from server.notifications.channels import (
    aliyun_sms,
    aliyun_voice,
    dingtalk,
    feishu,
    mail,
    tencent_sms,
    webhook,
    wecom,
)
from server.notifications.channels.base import Channel
from server.notifications.channels.provider import read_secret

_LINK_SECRET_LENGTH = 32
Called = TypeVar("Called", bound=WebhookSettings | HeartbeatSettings | AnyChannel)


class Channels:
    """All open channels."""

    def __init__(self, settings: MessageSettings, channels: Mapping[str, Channel]) -> None:
        self._settings = settings
        self._channels = channels

    def find(self, channel: str, receiver: str, address: str) -> Channel | None:
        """Return the channel that a message takes."""
        name = channel_name(self._settings, channel, receiver, address)
        return None if name is None else self._channels.get(name)

    def name_of(self, channel: str, receiver: str, address: str) -> str:
        """Return the name of the channel that a message takes, whose slots it needs."""
        return channel_name(self._settings, channel, receiver, address) or channel

    def policy(self, channel: str, receiver: str, address: str) -> DeliveryPolicy:
        """Return what holds between a message's channel and its address."""
        found = self.find(channel, receiver, address)
        return DeliveryPolicy() if found is None else found.policy(address)

    @property
    def longest_s(self) -> float:
        """Longest attempt of any of them, seconds."""
        return max((one.timeout_s for one in self._channels.values()), default=10.0)


def allowing_private(settings: MessageSettings, one: Called) -> Called:
    """Return what is called out to, with a private address allowed when its host is named."""
    if isinstance(one, EmailChannel):
        host = one.host
    else:
        url = one.url if isinstance(one, WebhookSettings | HeartbeatSettings) else one.endpoint
        host = urlsplit(url).hostname or ""
    if host.lower() not in {name.lower().strip("[]") for name in settings.allow_hosts}:
        return one
    return one.model_copy(update={"allow_private": True})


def check_secrets(settings: MessageSettings, clock: Clock) -> None:
    """Read every secret, so that a wrong one is reported before the server runs.

    Raises:
        ConfigError: A secret cannot be read.
    """
    for one in settings.webhooks:
        webhook.load_secret(one)
    for name, one in settings.channels.items():
        build(name, one, clock)
    load_link_key(settings.links)


@asynccontextmanager
async def open_channels(settings: MessageSettings, clock: Clock) -> AsyncGenerator[Channels]:
    """Open all of them.

    Raises:
        ConfigError: A secret cannot be read.
    """
    async with AsyncExitStack() as stack:
        opened: dict[str, Channel] = {}
        for one in settings.webhooks:
            secret = webhook.load_secret(one)
            hook = webhook.WebhookChannel(
                allowing_private(settings, one), secret=secret, clock=clock
            )
            opened[one.name] = await stack.enter_async_context(hook)
        for name, one in settings.channels.items():
            channel = build(name, allowing_private(settings, one), clock)
            opened[name] = await stack.enter_async_context(channel)
        yield Channels(settings, opened)


def build(name: str, settings: AnyChannel, clock: Clock) -> Channel:  # noqa: PLR0911 (one each)
    """Return the channel, not opened.

    Raises:
        ConfigError: A secret cannot be read.
    """

    def secret(option: str) -> Any:  # noqa: ANN401 (a text, or None for an option that is absent)
        path = getattr(settings, option)
        return (
            None if path is None else read_secret(path, where=f"messages.channels.{name}.{option}")
        )

    match settings:
        case EmailChannel():
            return mail.MailChannel(settings, password=secret("password_file"), clock=clock)
        case DingTalkChannel():
            return dingtalk.DingTalkChannel(
                name,
                settings,
                token=secret("token_file"),
                secret=secret("secret_file"),
                clock=clock,
            )
        case WeComChannel():
            return wecom.WeComChannel(name, settings, key=secret("key_file"), clock=clock)
        case FeishuChannel():
            return feishu.FeishuChannel(
                name,
                settings,
                token=secret("token_file"),
                secret=secret("secret_file"),
                clock=clock,
            )
        case AliyunSmsChannel():
            key = secret("access_key_secret_file")
            return aliyun_sms.AliyunSmsChannel(name, settings, secret=key, clock=clock)
        case AliyunVoiceChannel():
            key = secret("access_key_secret_file")
            return aliyun_voice.AliyunVoiceChannel(name, settings, secret=key, clock=clock)
        case TencentSmsChannel():
            key = secret("secret_key_file")
            return tencent_sms.TencentSmsChannel(name, settings, secret_key=key, clock=clock)


def load_link_key(settings: LinkSettings | None) -> LinkKey | None:
    """Return what one-time links are signed with, or None when there are none.

    Raises:
        ConfigError: The secret cannot be read or is too short.
    """
    if settings is None:
        return None
    text = read_secret(settings.secret_file, where="messages.links.secret_file")
    if len(text) < _LINK_SECRET_LENGTH:
        raise ConfigError(
            f"messages.links.secret_file: {settings.secret_file}: "
            f"expected {_LINK_SECRET_LENGTH} or more random characters"
        )
    valid_ms = round(settings.valid_hours * 3_600_000)
    return LinkKey(text.encode(), settings.base_url, valid_ms)
