"""Ways to reach people: e-mail, group robots, short messages, telephone."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Host, Identifier, Settings
from config.classes import Trade

SeverityWord = Literal["urgent", "high", "medium", "low"]
ShortField = Literal["estate", "asset", "fault", "severity", "link"]
"""What a template's parameter may be filled with; link is the short part of the one-time link."""

_SHORT: Final[tuple[ShortField, ...]] = ("estate", "asset", "fault")


_LINK_LENGTH: Final = 32
"""The code has 20 characters, and the number of its message before them."""


def _check_link(parameters: tuple[ShortField, ...], length: int) -> None:
    """Half a link acknowledges nothing, so a variable must hold the whole of it.

    Raises:
        ConflictingSettingsError: It does not.
    """
    if "link" in parameters and length < _LINK_LENGTH:
        message = (
            f"expected {_LINK_LENGTH} or more, got {length}: parameters has link, and half a link "
            "acknowledges nothing; apply for a template whose variable is that long"
        )
        raise ConflictingSettingsError([Conflict(("parameter_length",), message)])


class _Channel(Settings):
    """What all channels have."""

    timeout_s: float = Field(default=10, gt=0, le=60, description="Wait for an answer, seconds.")
    allow_private: bool = Field(
        default=False, description="True lets the address be loopback or private."
    )


class _Robot(_Channel):
    """What all robots of group chats have."""

    severities: tuple[SeverityWord, ...] = Field(
        default=("urgent", "high", "medium", "low"),
        description="Severities of incidents that are announced to the group when they open.",
    )
    trades: tuple[Trade, ...] = Field(
        default=(), description="Trades of these incidents; none: all."
    )
    sites: tuple[Identifier, ...] = Field(
        default=(), description="Estates of these incidents; none: all."
    )


class EmailChannel(_Channel):
    """E-mail over SMTP; a person's address is the receiver."""

    kind: Literal["email"] = Field(description="E-mail.")
    host: Host = Field(description="Mail server.")
    port: int = Field(default=587, ge=1, le=65535, description="TCP port.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="Encryption; none only towards a server of your own."
    )
    sender: str = Field(
        pattern=r"^[^@\s<>]+@[^@\s<>]+$",
        description="Sender's address, such as plantroom@example.org.",
    )
    per_minute: int = Field(
        default=60,
        ge=1,
        le=100,
        description="Mails that the server takes in one minute; more wait and leave as a digest.",
    )
    username: str | None = Field(default=None, description="User; anonymous when absent.")
    password_file: Path | None = Field(
        default=None, description="File with the password; relative to the server file."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        conflicts: list[Conflict] = []
        if (self.username is None) != (self.password_file is None):
            conflicts.append(
                Conflict(("username",), "expected username and password_file, or none")
            )
        if self.username is not None and self.security == "none":
            message = "expected starttls or tls: the password would travel in clear"
            conflicts.append(Conflict(("security",), message))
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self


class DingTalkChannel(_Robot):
    """A DingTalk group robot; a person's telephone number is mentioned."""

    kind: Literal["dingtalk"] = Field(description="DingTalk group robot.")
    token_file: Path = Field(
        description="File with the access_token of the robot's address; relative to the server "
        "file."
    )
    secret_file: Path | None = Field(
        default=None,
        description="File with the signing secret (SEC...); absent when the robot is protected "
        "by keyword or address.",
    )
    keyword: str | None = Field(
        default=None, min_length=1, max_length=10, description="Keyword that the robot demands."
    )
    endpoint: str = Field(
        default="https://oapi.dingtalk.com",
        pattern=r"^https?://[^/]+$",
        description="Where the provider's interface is.",
    )


class WeComChannel(_Robot):
    """A WeCom (WeChat Work) group robot; a person's telephone number is mentioned."""

    kind: Literal["wecom"] = Field(description="WeCom group robot.")
    key_file: Path = Field(
        description="File with the key of the robot's address; relative to the server file."
    )
    endpoint: str = Field(
        default="https://qyapi.weixin.qq.com",
        pattern=r"^https?://[^/]+$",
        description="Where the provider's interface is.",
    )


class FeishuChannel(_Robot):
    """A Feishu group robot; a person's open_id is mentioned."""

    kind: Literal["feishu"] = Field(description="Feishu group robot.")
    token_file: Path = Field(
        description="File with the last part of the robot's address; relative to the server file."
    )
    secret_file: Path | None = Field(
        default=None, description="File with the signing secret; absent when it is switched off."
    )
    keyword: str | None = Field(
        default=None, min_length=1, max_length=10, description="Keyword that the robot demands."
    )
    endpoint: str = Field(
        default="https://open.feishu.cn",
        pattern=r"^https?://[^/]+$",
        description="Where the provider's interface is; Lark: https://open.larksuite.com.",
    )


class _Aliyun(_Channel):
    """What Aliyun's services have."""

    access_key_id: str = Field(min_length=1, description="AccessKey id.")
    access_key_secret_file: Path = Field(
        description="File with the AccessKey secret; relative to the server file."
    )
    template: str = Field(min_length=1, description="Code of the approved template.")
    parameters: tuple[ShortField, ...] = Field(
        default=_SHORT, min_length=1, description="Variables of the template, by their names."
    )
    parameter_length: int = Field(
        default=35, ge=4, le=200, description="Longest value of a variable, characters."
    )

    @model_validator(mode="after")
    def _holds_a_link(self) -> Self:
        _check_link(self.parameters, self.parameter_length)
        return self


class AliyunSmsChannel(_Aliyun):
    """Short messages by Aliyun; a person's telephone number is the receiver."""

    kind: Literal["aliyun_sms"] = Field(description="Aliyun SMS.")
    sign_name: str = Field(min_length=1, description="Approved signature.")
    endpoint: str = Field(
        default="https://dysmsapi.aliyuncs.com",
        pattern=r"^https?://[^/]+$",
        description="Where the provider's interface is.",
    )


class AliyunVoiceChannel(_Aliyun):
    """A telephone call by Aliyun that reads a template; the telephone number is the receiver."""

    kind: Literal["aliyun_voice"] = Field(description="Aliyun voice call.")
    caller: str | None = Field(
        default=None, description="Number that is shown; absent in the public mode."
    )
    play_times: int = Field(default=2, ge=1, le=3, description="How often the text is read.")
    endpoint: str = Field(
        default="https://dyvmsapi.aliyuncs.com",
        pattern=r"^https?://[^/]+$",
        description="Where the provider's interface is.",
    )


class TencentSmsChannel(_Channel):
    """Short messages by Tencent Cloud; a person's telephone number is the receiver."""

    kind: Literal["tencent_sms"] = Field(description="Tencent Cloud SMS.")
    secret_id: str = Field(min_length=1, description="SecretId.")
    secret_key_file: Path = Field(
        description="File with the SecretKey; relative to the server file."
    )
    app_id: str = Field(min_length=1, description="SmsSdkAppId.")
    sign_name: str = Field(min_length=1, description="Approved signature.")
    template: str = Field(min_length=1, description="Id of the approved template.")
    parameters: tuple[ShortField, ...] = Field(
        default=_SHORT, min_length=1, description="What fills {1}, {2}, ... of the template."
    )
    parameter_length: int = Field(
        default=12, ge=4, le=200, description="Longest value of a variable, characters."
    )
    region: str = Field(default="ap-guangzhou", min_length=1, description="Region.")
    endpoint: str = Field(
        default="https://sms.tencentcloudapi.com",
        pattern=r"^https?://[^/]+$",
        description="Where the provider's interface is.",
    )

    @model_validator(mode="after")
    def _holds_a_link(self) -> Self:
        _check_link(self.parameters, self.parameter_length)
        return self


RobotChannel = DingTalkChannel | WeComChannel | FeishuChannel
ShortChannel = AliyunSmsChannel | AliyunVoiceChannel | TencentSmsChannel
AnyChannel = Annotated[EmailChannel | RobotChannel | ShortChannel, Field(discriminator="kind")]


class LinkSettings(Settings):
    """Links in messages that acknowledge an incident once, without login."""

    base_url: str = Field(
        pattern=r"^https?://[^/?#]+(/[^?#]*)?$",
        description="http:// or https:// address of this server as telephones reach it.",
    )
    secret_file: Path = Field(
        description="File with 32 or more random characters; relative to the server file."
    )
    valid_hours: float = Field(default=24, gt=0, le=720, description="Life of a link, hours.")


class HeartbeatSettings(Settings):
    """A sign of life to a service that raises the alarm when it stays away."""

    url: str = Field(pattern=r"^https?://", description="Address that is fetched.")
    interval_s: float = Field(default=60, ge=1, le=86_400, description="Pause between, seconds.")
    timeout_s: float = Field(default=10, gt=0, le=60, description="Wait for an answer, seconds.")
    allow_private: bool = Field(
        default=False, description="True lets the address be loopback or private."
    )
