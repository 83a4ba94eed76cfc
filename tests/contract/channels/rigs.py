"""Every channel before a server that behaves like its provider."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.channels import (
    AliyunSmsChannel as AliyunSmsSettings,
)
from config.channels import (
    AliyunVoiceChannel as AliyunVoiceSettings,
)
from config.channels import (
    DingTalkChannel as DingTalkSettings,
)
from config.channels import (
    EmailChannel as EmailSettings,
)
from config.channels import (
    FeishuChannel as FeishuSettings,
)
from config.channels import (
    TencentSmsChannel as TencentSmsSettings,
)
from config.channels import (
    WeComChannel as WeComSettings,
)
from config.server import WebhookSettings
from server.core.clock import Clock
from server.messages.queue import Outgoing
from server.notifications.channels.aliyun_sms import AliyunSmsChannel
from server.notifications.channels.aliyun_voice import AliyunVoiceChannel
from server.notifications.channels.base import Channel
from server.notifications.channels.dingtalk import DingTalkChannel
from server.notifications.channels.feishu import FeishuChannel
from server.notifications.channels.mail import MailChannel
from server.notifications.channels.tencent_sms import TencentSmsChannel
from server.notifications.channels.webhook import WebhookChannel
from server.notifications.channels.wecom import WeComChannel
from tests.fakes.mail_server import CERTIFICATE, PASSWORD, MailServer
from tests.fakes.phone_providers import KEY_ID, AliyunServer, TencentServer
from tests.fakes.providers import (
    SECRET,
    TOKEN,
    DingTalkServer,
    FeishuServer,
    ProviderServer,
    WeComServer,
)
from tests.fakes.webhook_receiver import Request, reply

UNUSED = Path("unused")
PHONE = "13800138000"
NOW = 1_795_000_000_000


def message(**changes: Any) -> Outgoing:
    """An urgent incident in Chinese."""
    fields: dict[str, Any] = {
        "id": 3,
        "key": "incident-opened/7/li",
        "channel": "any",
        "receiver": "li",
        "kind": "incident.opened",
        "severity": "urgent",
        "incident_id": 7,
        "payload": {
            "incident": {
                "id": 7,
                "title_zh": "1号循环泵 故障",
                "title_en": "Pump 1: fault",
                "equipment_key": "翠湖苑/gw/pump-1",
                "equipment_name_zh": "1号循环泵",
                "equipment_name_en": "Pump 1",
                "opened_at": "2026-11-22T09:53:13.123Z",
            },
            "alarm": {"name_zh": "故障", "name_en": "fault", "onset_value": True},
            "work_order": {"id": 12},
        },
        "created_at": NOW,
        "attempts": 1,
        "tried_at": NOW,
    }
    return Outgoing(**(fields | changes))


class HookServer(ProviderServer):
    """A webhook's receiver; what it says is in the status."""

    def answer(self, request: Request) -> bytes:
        if self.trouble is None:
            self.texts.append(request.body.decode())
            return reply(200)
        return {
            "busy": reply(500, "busy"),
            "throttled": reply(429, retry_after="17"),
            "refused": reply(410),
        }[self.trouble]


MakeHttp = Callable[[str, Clock, float, bool], Channel]


@dataclass(frozen=True)
class HttpCase:
    """One channel over HTTP: its server and how to make it."""

    name: str
    server: Callable[[], ProviderServer]
    make: MakeHttp
    address: str = PHONE


def _webhook(origin: str, clock: Clock, timeout_s: float, allow_private: bool) -> Channel:  # noqa: FBT001
    settings = WebhookSettings(
        name="hook",
        url=f"{origin}/hook",
        secret_file=UNUSED,
        timeout_s=timeout_s,
        allow_private=allow_private,
    )
    return WebhookChannel(settings, secret=bytes(32), clock=clock)


def _dingtalk(origin: str, clock: Clock, timeout_s: float, allow_private: bool) -> Channel:  # noqa: FBT001
    settings = DingTalkSettings(
        kind="dingtalk",
        token_file=UNUSED,
        endpoint=origin,
        timeout_s=timeout_s,
        allow_private=allow_private,
    )
    return DingTalkChannel("ding", settings, token=TOKEN, secret=SECRET, clock=clock)


def _wecom(origin: str, clock: Clock, timeout_s: float, allow_private: bool) -> Channel:  # noqa: FBT001
    settings = WeComSettings(
        kind="wecom",
        key_file=UNUSED,
        endpoint=origin,
        timeout_s=timeout_s,
        allow_private=allow_private,
    )
    return WeComChannel("wecom", settings, key=TOKEN, clock=clock)


def _feishu(origin: str, clock: Clock, timeout_s: float, allow_private: bool) -> Channel:  # noqa: FBT001
    settings = FeishuSettings(
        kind="feishu",
        token_file=UNUSED,
        endpoint=origin,
        timeout_s=timeout_s,
        allow_private=allow_private,
    )
    return FeishuChannel("feishu", settings, token=TOKEN, secret=SECRET, clock=clock)


def _aliyun_sms(origin: str, clock: Clock, timeout_s: float, allow_private: bool) -> Channel:  # noqa: FBT001
    settings = AliyunSmsSettings(
        kind="aliyun_sms",
        access_key_id=KEY_ID,
        access_key_secret_file=UNUSED,
        sign_name="机房值守",
        template="SMS_1",
        endpoint=origin,
        timeout_s=timeout_s,
        allow_private=allow_private,
    )
    return AliyunSmsChannel("sms", settings, secret=SECRET, clock=clock)


def _aliyun_voice(origin: str, clock: Clock, timeout_s: float, allow_private: bool) -> Channel:  # noqa: FBT001
    settings = AliyunVoiceSettings(
        kind="aliyun_voice",
        access_key_id=KEY_ID,
        access_key_secret_file=UNUSED,
        template="TTS_1",
        endpoint=origin,
        timeout_s=timeout_s,
        allow_private=allow_private,
    )
    return AliyunVoiceChannel("call", settings, secret=SECRET, clock=clock)


def _tencent_sms(origin: str, clock: Clock, timeout_s: float, allow_private: bool) -> Channel:  # noqa: FBT001
    settings = TencentSmsSettings(
        kind="tencent_sms",
        secret_id=KEY_ID,
        secret_key_file=UNUSED,
        app_id="1400006666",
        sign_name="机房值守",
        template="1110",
        endpoint=origin,
        timeout_s=timeout_s,
        allow_private=allow_private,
    )
    return TencentSmsChannel("sms-2", settings, secret_key=SECRET, clock=clock)


def mail_channel(
    server: MailServer,
    clock: Clock,
    *,
    timeout_s: float = 5,
    security: Any = "starttls",
    allow_private: bool = True,
    password: str = PASSWORD,
) -> MailChannel:
    settings = EmailSettings(
        kind="email",
        host="localhost",
        port=server.port,
        security=security,
        sender="plantroom@estate.example",
        username=None if security == "none" else "plantroom",
        password_file=None if security == "none" else UNUSED,
        timeout_s=timeout_s,
        allow_private=allow_private,
    )
    trust = ssl.create_default_context(cafile=CERTIFICATE)
    return MailChannel(settings, password=password, clock=clock, trust=trust)


HTTP_CASES = (
    HttpCase("webhook", HookServer, _webhook),
    HttpCase("dingtalk", DingTalkServer, _dingtalk),
    HttpCase("wecom", WeComServer, _wecom),
    HttpCase("feishu", FeishuServer, _feishu, address="ou_84aad35d084aa403a838cf73ee18467"),
    HttpCase("aliyun_sms", AliyunServer, _aliyun_sms),
    HttpCase("aliyun_voice", AliyunServer, _aliyun_voice),
    HttpCase("tencent_sms", TencentServer, _tencent_sms),
)
