"""The server file."""

import ipaddress
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from config.alarming import AlarmSettings
from config.base import (
    Conflict,
    ConflictingSettingsError,
    Host,
    Identifier,
    Settings,
    Words,
)
from config.channels import (
    AliyunSmsChannel,
    AnyChannel,
    HeartbeatSettings,
    LinkSettings,
    RobotChannel,
    SeverityWord,
    TencentSmsChannel,
)
from config.classes import Trade
from config.history import HistorySettings
from config.login_provider import LoginProviderSettings
from config.mqtt import MqttSettings
from config.repair_requests import RepairRequestSettings
from config.work_orders import WorkOrderSettings


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        message = f"expected an address or a network such as 127.0.0.1 or 10.0.0.0/8, got {text!r}"
        raise ValueError(message) from error


Network = Annotated[str, AfterValidator(_network)]
"""An IP address or a network."""


def _host_as_written(text: str) -> str:
    if not text or set(text) & set("/@ "):
        raise ValueError(f"expected a host name or an address, as hooks.estate.lan, got {text!r}")
    return text


HostAsWritten = Annotated[str, AfterValidator(_host_as_written)]
"""A host in any form that a URL may have it."""


class RecordsSettings(Settings):
    """Alarms, incidents, work orders, people: the records."""

    url: str = Field(
        default="sqlite:///records.sqlite",
        pattern=r"^(sqlite:///|postgresql\+psycopg://)",
        description="sqlite:///FILE (relative to data_dir) or postgresql+psycopg://...",
    )


class HttpSettings(Settings):
    """The HTTP interface."""

    host: Host = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="TCP port.")
    session_hours: float = Field(default=12, gt=0, description="Life of a login, hours.")
    secure_cookie: bool = Field(default=False, description="True behind HTTPS.")
    trusted_proxies: tuple[Network, ...] = Field(
        default=(),
        description="Addresses or networks of the proxies in front, such as 127.0.0.1 or "
        "10.0.0.0/8: only what they say in X-Forwarded-For is believed. Failed logins are counted "
        "by the address that is found so.",
    )
    max_connections: int = Field(
        default=2000,
        ge=10,
        description="Open connections; when there are more, the one that has been idle or has sent "
        "half a request for longest is closed.",
    )
    max_streams: int = Field(default=1000, ge=1, description="Open live streams.")
    max_streams_per_client: int = Field(
        default=250, ge=1, description="Open live streams of one user."
    )
    notice: Words | None = Field(
        default=None,
        description="What everybody who is logged in shall read above every page, such as a test "
        "system or planned work.",
    )


class WebhookSettings(Settings):
    """A receiver of signed messages (Standard Webhooks)."""

    name: Identifier = Field(description="Name shown in the list of messages.")
    url: str = Field(
        pattern=r"^https?://",
        description="An http:// or https:// address; messages are posted there.",
    )
    secret_file: Path = Field(
        description="File with the signing secret, base64 with prefix whsec_; relative to the "
        "server file."
    )
    severities: tuple[SeverityWord, ...] = Field(
        default=("urgent", "high", "medium", "low"), description="Severities it receives."
    )
    trades: tuple[Trade, ...] = Field(
        default=(), description="Trades of the incidents that it is told of; none: all."
    )
    sites: tuple[Identifier, ...] = Field(
        default=(), description="Estates that it is told of; none: all."
    )
    allow_private: bool = Field(
        default=False, description="True lets the address be loopback or private."
    )
    timeout_s: float = Field(default=10, gt=0, le=60, description="Wait for an answer, seconds.")


WEBHOOK = "webhook"
"""Channel of the messages to ``webhooks``; the receiver is the webhook's name."""


class Announced(NamedTuple):
    """A receiver that is notified of every new incident of some severities."""

    channel: str
    name: str
    severities: tuple[SeverityWord, ...]
    trades: tuple[Trade, ...] = ()
    """None: all; so are the sites."""
    sites: tuple[str, ...] = ()

    def is_told(self, *, severity: str, trades: Collection[str], site: str | None) -> bool:
        """Return whether it hears of something of a severity.

        Args:
            severity: How severe it is.
            trades: Whose work it is; none: of no trade, which concerns those who hear of all.
            site: Key of the estate; None: of no estate, likewise.
        """
        return severity in self.severities and self.hears_of(trades, site)

    def hears_of(self, trades: Collection[str], site: str | None) -> bool:
        """Return whether these trades and this estate concern it."""
        concerns = not self.trades or bool(set(self.trades) & set(trades))
        return concerns and (not self.sites or site in self.sites)


class MessageSettings(Settings):
    """Delivery of messages."""

    webhooks: tuple[WebhookSettings, ...] = Field(default=(), description="Receivers.")
    channels: dict[Identifier, AnyChannel] = Field(
        default={}, description="Ways to reach people, by name."
    )
    allow_hosts: tuple[HostAsWritten, ...] = Field(
        default=(),
        description="Host names and addresses, as a url, host or endpoint here has them, that may "
        "be loopback or private.",
    )
    first_retry_s: float = Field(
        default=5, gt=0, description="Pause after the first failure, seconds."
    )
    max_retry_s: float = Field(default=900, gt=0, description="Longest pause, seconds.")
    max_attempts: int = Field(default=10, ge=1, description="Then the message is a dead letter.")
    fail_over_attempts: int = Field(
        default=3, ge=1, description="Then the person's next channel is used, if there is one."
    )
    links: LinkSettings | None = Field(
        default=None, description="Acknowledgement from the phone; none when absent."
    )
    heartbeat: HeartbeatSettings | None = Field(
        default=None, description="Sign of life; none when absent."
    )

    @property
    def announced(self) -> tuple[Announced, ...]:
        """Receivers that stand in no roster: webhooks and the robots of groups."""
        webhooks = [
            Announced(WEBHOOK, one.name, one.severities, one.trades, one.sites)
            for one in self.webhooks
        ]
        robots = [
            Announced(name, name, one.severities, one.trades, one.sites)
            for name, one in self.channels.items()
            if isinstance(one, RobotChannel)
        ]
        return (*webhooks, *robots)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        conflicts: list[Conflict] = []
        names: set[str] = set()
        for index, webhook in enumerate(self.webhooks):
            if webhook.name in names:
                message = f"{webhook.name!r} is already the name of another receiver"
                conflicts.append(Conflict(("webhooks", index, "name"), message))
            names.add(webhook.name)
        conflicts += [
            Conflict(("channels", name), "is already the name of a receiver")
            for name in self.channels
            if name in names or name == WEBHOOK
        ]
        if self.max_retry_s < self.first_retry_s:
            message = f"expected first_retry_s ({self.first_retry_s:g}) or more"
            conflicts.append(Conflict(("max_retry_s",), f"{message}, got {self.max_retry_s:g}"))
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self


class LimitSettings(Settings):
    """What gateways may bring; what is more is refused, counted and shown at its gateway.

    What is retired counts only as far as it is more than the limit itself.
    """

    gateways: int = Field(
        default=5000, ge=1, le=100_000, description="Gateways that are entered at most."
    )
    devices: int = Field(
        default=2000, ge=1, le=100_000, description="Devices of one gateway that are entered."
    )
    points: int = Field(
        default=50_000,
        ge=1,
        le=1_000_000,
        description="Points of one gateway that are entered, those of its devices included.",
    )
    name_length: int = Field(
        default=200, ge=20, le=200, description="Longest name of a point, characters."
    )


class SparkplugSettings(Settings):
    """The server as a Sparkplug host."""

    host_id: Identifier = Field(default="plantroom", description="Host id of STATE.")
    reorder_timeout_s: float = Field(
        default=2.0, gt=0, description="Wait for a missing sequence number, seconds."
    )
    rebirth_interval_s: float = Field(
        default=10.0,
        gt=0,
        description="Least time between two rebirth requests to a node, seconds.",
    )
    silence_s: float = Field(
        default=60.0,
        gt=0,
        description="After a start or a lost connection, a node that is said to be online and "
        "says nothing for so long is asked for a birth; as long again, and it is offline, seconds.",
    )
    max_future_s: float = Field(
        default=300,
        gt=0,
        description="A timestamp further in the future is refused, seconds; a gateway with a "
        "journal sends it again until the clocks agree.",
    )
    max_payload_bytes: int = Field(
        default=1_000_000, ge=1000, description="Larger payloads are refused, bytes."
    )
    limits: LimitSettings = Field(
        default=LimitSettings(), description="What gateways may bring at most."
    )


class ServerSettings(Settings):
    """One server."""

    data_dir: Path = Field(
        default=Path("data"), description="Where everything is stored; relative to this file."
    )
    mqtt: MqttSettings = Field(default=MqttSettings(), description="The broker.")
    sparkplug: SparkplugSettings = Field(default=SparkplugSettings(), description="Sparkplug host.")
    records: RecordsSettings = Field(default=RecordsSettings(), description="The records.")
    history: HistorySettings = Field(default=HistorySettings(), description="The time series.")
    http: HttpSettings = Field(default=HttpSettings(), description="The HTTP interface.")
    messages: MessageSettings = Field(default=MessageSettings(), description="Delivery.")
    alarms: AlarmSettings = Field(default=AlarmSettings(), description="Handling of alarms.")
    work_orders: WorkOrderSettings = Field(
        default=WorkOrderSettings(), description="Handling of work orders."
    )
    repair_requests: RepairRequestSettings = Field(
        default=RepairRequestSettings(), description="Residents' repair requests."
    )
    login_provider: LoginProviderSettings | None = Field(
        default=None,
        description="The company's own login (OpenID Connect); none when absent. Passwords stay.",
    )
    class_files: Path | None = Field(
        default=None,
        description="Folder with equipment classes of your own; relative to this file.",
    )
    plan_files: Path | None = Field(
        default=None,
        description="Folder with emergency plans of your own; relative to this file.",
    )
    schematic_files: Path | None = Field(
        default=None,
        description="Folder with schematics of your own; relative to this file.",
    )

    @property
    def residents_url(self) -> str | None:
        """Address of this server for residents' telephones, without a slash at its end."""
        links = self.messages.links
        url = self.repair_requests.public_url or (None if links is None else links.base_url)
        return None if url is None else url.rstrip("/")

    @model_validator(mode="after")
    def _residents_have_a_channel(self) -> Self:
        name = self.repair_requests.channel
        channel = None if name is None else self.messages.channels.get(name)
        if name is None or isinstance(channel, AliyunSmsChannel | TencentSmsChannel):
            return self
        place = ("repair_requests", "channel")
        message = f"expected an aliyun_sms or tencent_sms of messages.channels, got {name!r}"
        raise ConflictingSettingsError([Conflict(place, message)])
