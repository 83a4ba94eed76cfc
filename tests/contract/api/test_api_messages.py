"""Channels and one-time links over HTTP."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.channels import AliyunSmsChannel, DingTalkChannel, EmailChannel
from config.server import MessageSettings, WebhookSettings
from server.core.model import Event
from server.incidents.model import Incident
from server.messages.attempts import give_up
from server.messages.links import LinkKey
from server.messages.model import Message, UsedLink
from server.messages.queue import outgoing, send_to
from server.messages.receivers import Receiver
from tests.contract.api.conftest import NOW, Api
from tests.fakes.assets import add_equipment

UNUSED = Path("unused")
MESSAGES = MessageSettings(
    webhooks=(WebhookSettings(name="hook", url="https://x.example", secret_file=UNUSED),),
    channels={
        "mail": EmailChannel(kind="email", host="m", sender="a@b.example"),
        "ding": DingTalkChannel(kind="dingtalk", token_file=UNUSED, severities=("urgent",)),
        "sms": AliyunSmsChannel(
            kind="aliyun_sms",
            access_key_id="k",
            access_key_secret_file=UNUSED,
            sign_name="s",
            template="t",
        ),
    },
)
KEY = LinkKey(b"k" * 32, "https://plant.example/", 3_600_000)


@pytest.fixture
def with_channels(api: Api) -> Api:
    settings = api.services.settings.model_copy(update={"messages": MESSAGES})
    services = replace(api.services, settings=settings, links=KEY)
    api.services = services
    api.client.app.state.services = services  # pyright: ignore[reportAttributeAccessIssue]
    return api


def incident_with_message(session: Session, **changes: Any) -> int:
    words = "Pump <1>", "水泵"
    pump = add_equipment(session, "garden/gw/p1", at=NOW, equipment_class="pump", words=words)
    fields: dict[str, Any] = {
        "equipment_id": pump.id,
        "cause": "fault",
        "severity": "high",
        "title_en": "Pump <1>: fault",
        "title_zh": "水泵 故障",
        "opened_at": NOW,
    }
    incident = Incident(**fields)
    session.add(incident)
    session.flush()
    ways = [Receiver("li", "mail", "li@b.example", changes.get("language", "en"))]
    send_to(
        session,
        ways,
        key="k/1",
        kind="incident.opened",
        severity="high",
        incident_id=incident.id,
        payload={},
        now=NOW,
    )
    return incident.id


def link_of(api: Api) -> str:
    def read(session: Session) -> str:
        return KEY.link_for(outgoing(session.scalars(select(Message)).one()))

    link = api.records.read(read)
    assert link.startswith("https://plant.example/a/")
    return link.removeprefix("https://plant.example")


@pytest.fixture
def link(with_channels: Api) -> str:
    with_channels.records.write(incident_with_message)
    return link_of(with_channels)


def uses(api: Api) -> int:
    return api.records.read(lambda session: len(session.scalars(select(UsedLink)).all()))


def test_the_channels_are_listed_page_by_page(with_channels: Api) -> None:
    first = with_channels.get("/channels", limit=2).json()
    assert [one["name"] for one in first["items"]] == ["ding", "hook"]
    rest = with_channels.get("/channels", limit=2, cursor=first["next_cursor"]).json()
    assert [(one["name"], one["kind"], one["address"]) for one in rest["items"]] == [
        ("mail", "email", "email"),
        ("sms", "aliyun_sms", "phone"),
    ]
    assert rest["next_cursor"] is None
    assert first["items"][0]["severities"] == ["urgent"]


def test_a_test_message_is_queued_for_its_channel(with_channels: Api) -> None:
    body = {"address": "li@b.example", "language": "en"}
    answer = with_channels.post("/channels/mail/test", body)
    assert answer.status_code == 202
    item = answer.json()
    assert (item["channel"], item["kind"], item["state"]) == ("mail", "test", "pending")
    assert (item["address"], item["receiver"]) == ("li@b.example", "operator")
    assert with_channels.post("/channels/hook/test").status_code == 202


def test_a_repeated_test_with_one_idempotency_key_is_one_message(with_channels: Api) -> None:
    for _ in range(2):
        with_channels.post("/channels/ding/test", Idempotency_Key="once")
    assert len(with_channels.get("/messages").json()["items"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "who", "status"),
    [
        ("/channels/nobody/test", None, "operator", 404),
        ("/channels/mail/test", {"address": "li"}, "operator", 422),
        ("/channels/sms/test", {"address": "12"}, "operator", 422),
        ("/channels/ding/test", None, "viewer", 403),
    ],
)
def test_a_test_that_cannot_work_is_refused(
    with_channels: Api, path: str, body: object, who: str, status: int
) -> None:
    answer = with_channels.post(path, body, who)
    assert answer.status_code == status
    if status == 422:
        assert answer.json()["errors"][0]["field"] == "body.address"


def test_looking_at_a_link_changes_nothing_and_needs_no_login(
    with_channels: Api, link: str
) -> None:
    for _ in range(3):
        page = with_channels.client.get(link)
        assert page.status_code == 200
        assert "Pump &lt;1&gt;: fault" in page.text
        assert '<form method="post">' in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert uses(with_channels) == 0


def test_the_button_acknowledges_once_in_the_receivers_name(with_channels: Api, link: str) -> None:
    first = with_channels.client.post(link)
    assert (first.status_code, "Acknowledged" in first.text) == (200, True)
    incident = with_channels.records.read(lambda s: s.scalars(select(Incident)).one())
    assert incident.acknowledged_by == "li"
    second = with_channels.client.post(link)
    assert "used already" in second.text
    assert "<form" not in with_channels.client.get(link).text
    assert uses(with_channels) == 1
    kinds = with_channels.records.read(
        lambda s: list(s.scalars(select(Event.kind).where(Event.topic == "audit")))
    )
    assert kinds.count("link.used") == 1


def _expire(api: Api, link: str) -> str:
    api.clock.ms += 3_600_000
    return link


def _close(api: Api, link: str) -> str:
    def close(session: Session) -> None:
        session.scalars(select(Incident)).one().closed_at = NOW

    api.records.write(close)
    return link


def _disable(api: Api, link: str) -> str:
    services = replace(api.services, links=None)
    api.client.app.state.services = services  # pyright: ignore[reportAttributeAccessIssue]
    return link


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (_expire, 410),
        (_close, 200),
        (_disable, 404),
        (lambda _api, link: link[:-1] + ("A" if link[-1] != "A" else "B"), 404),
        (lambda _api, link: link.replace("/a/1-", "/a/2-"), 404),
        (lambda _api, _link: "/a/1", 404),
        (lambda _api, _link: "/a/" + "9" * 90, 404),
        (lambda _api, _link: "/a/%E7%A0%81", 404),
    ],
    ids=["expired", "closed", "off", "forged", "other", "no_code", "too_long", "strange"],
)
def test_what_is_not_a_valid_link_acknowledges_nothing(
    with_channels: Api, link: str, change: Callable[[Api, str], str], status: int
) -> None:
    other = change(with_channels, link)
    answers = [with_channels.client.get(other), with_channels.client.post(other)]
    assert [one.status_code for one in answers] == [status, status]
    assert all("<form" not in one.text for one in answers)
    assert uses(with_channels) == 0


def test_a_message_to_a_group_or_about_no_incident_has_no_link(with_channels: Api) -> None:
    with_channels.records.write(incident_with_message)
    message = with_channels.records.read(
        lambda session: outgoing(session.scalars(select(Message)).one())
    )
    assert KEY.link_for(replace(message, address="")) == ""
    assert KEY.link_for(replace(message, incident_id=None)) == ""


def test_a_viewer_sees_no_number_anywhere(with_channels: Api) -> None:
    with_channels.records.write(incident_with_message)
    number = "+86 138-0013-8000"

    def fail(session: Session) -> None:
        row = session.scalars(select(Message)).one()
        row.address = number
        row.last_error = f"{number!r} and 13800138000 say no"
        give_up(session, row, now=NOW)

    with_channels.records.write(fail)
    seen = {
        who: [
            with_channels.get("/messages", who).json()["items"][0],
            with_channels.get("/messages/1", who).json(),
        ]
        for who in ("viewer", "operator")
    }
    assert [one["address"] for one in seen["operator"]] == [number] * 2
    assert [one["address"] for one in seen["viewer"]] == [None] * 2
    assert {one["last_error"] for one in seen["viewer"]} == {"'…' and … say no"}
    for one in seen["viewer"]:
        assert "0013" not in str(one)
    events = with_channels.records.read(lambda s: list(s.scalars(select(Event.payload))))
    assert "0013" not in str(events)
