"""Which channel a message takes, and secrets that must be right."""

from pathlib import Path

import pytest

from config.channels import DingTalkChannel, LinkSettings, WeComChannel
from config.errors import ConfigError
from config.server import MessageSettings, WebhookSettings
from server.messages.addresses import address_problem, channel_name
from server.notifications.registry import (
    load_link_key,
    open_channels,
)
from tests.fakes.agent_clock import FakeClock

UNUSED = Path("unused")
SETTINGS = MessageSettings(
    webhooks=(WebhookSettings(name="hook", url="https://x", secret_file=UNUSED),),
    channels={
        "day": DingTalkChannel(kind="dingtalk", token_file=UNUSED),
        "night": DingTalkChannel(kind="dingtalk", token_file=UNUSED),
        "wecom": WeComChannel(kind="wecom", key_file=UNUSED),
    },
)


@pytest.mark.parametrize(
    ("channel", "receiver", "address", "expected"),
    [
        ("webhook", "hook", "", "hook"),
        ("webhook", "li", "hook", "hook"),
        ("webhook", "li", "", None),
        ("hook", "li", "", "hook"),
        ("night", "li", "13800138000", "night"),
        ("dingtalk", "li", "night", "night"),
        ("dingtalk", "li", "13800138000", "day"),
        ("wecom", "li", "", "wecom"),
        ("email", "li", "li@x.example", None),
    ],
)
def test_a_message_names_a_channel_or_a_kind(
    channel: str, receiver: str, address: str, expected: str | None
) -> None:
    assert channel_name(SETTINGS, channel, receiver, address) == expected


def test_only_channels_to_persons_need_an_address() -> None:
    assert address_problem(SETTINGS, "day", "") is None
    assert address_problem(SETTINGS, "hook", "") is None


async def test_a_secret_that_is_missing_or_long_is_named_by_its_option(tmp_path: Path) -> None:
    path = tmp_path / "token"
    for text in (None, "", "two\nlines"):
        if text is not None:
            path.write_text(text)
        settings = MessageSettings(
            channels={"ding": DingTalkChannel(kind="dingtalk", token_file=path)}
        )
        with pytest.raises(ConfigError, match=r"messages\.channels\.ding\.token_file"):
            async with open_channels(settings, FakeClock()):
                pass


async def test_channels_open_with_their_secrets(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    ding = DingTalkChannel(kind="dingtalk", token_file=tmp_path / "token", timeout_s=42)
    async with open_channels(MessageSettings(channels={"d": ding}), FakeClock()) as channels:
        assert channels.longest_s == 42
        assert [one.tokens for one in channels.policy("d", "li", "").budgets] == [20]
        assert channels.find("sms", "li", "") is None


def test_a_short_link_secret_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("x" * 31)
    settings = LinkSettings(base_url="https://x.example", secret_file=path)
    with pytest.raises(ConfigError, match="32 or more"):
        load_link_key(settings)
    path.write_text("x" * 32)
    key = load_link_key(settings)
    assert key is not None
    assert key.expires_at(0) == 86_400_000
    assert load_link_key(None) is None
