"""/channels: the ways to reach people, and a test message through one of them."""

import secrets
from http import HTTPStatus
from typing import Annotated

from fastapi import Path, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.channels import EmailChannel, RobotChannel
from config.server import WEBHOOK, MessageSettings
from server.access.principal import Principal
from server.access.roles import Permission
from server.api.context import PAGE, Cursor, Limit, Use, problems
from server.api.messages import MessageItem, message_item
from server.api.pages import PageOf, part_of
from server.api.rights import may
from server.api.router import api_router
from server.api.strict import Body
from server.core.errors import NotFoundError
from server.core.problem import FieldError
from server.messages.addresses import address_problem
from server.messages.model import Message
from server.messages.queue import QUEUED, record_message_event, send_to
from server.messages.receivers import Language, Receiver
from server.notifications.templates import TEST

ChannelReader = Annotated[Principal, may(Permission.CHANNELS_READ)]
ChannelTester = Annotated[Principal, may(Permission.CHANNELS_TEST)]

router = api_router(prefix="/channels", tag="messages", responses=problems())

_SEVERITY = "medium"
"""A test must not use what is kept for urgent messages."""


class ChannelItem(BaseModel):
    """One way to reach people."""

    name: str
    kind: str
    """webhook, email, dingtalk, wecom, feishu, aliyun_sms, tencent_sms or aliyun_voice."""
    address: str | None
    """What a receiver's address is: email or phone; null when none is needed."""
    severities: list[str]
    """Severities of incidents that it is told of when they open."""
    trades: list[str]
    """Trades of these incidents; empty: all."""
    sites: list[str]
    """Estates of these incidents; empty: all."""
    actions: list[str]
    """What may be done with it: POST /channels/{name}/<action>."""


class TestOrder(Body):
    """Whom a test message goes to."""

    # pytest would take the class for a collection of tests.
    __test__ = False

    address: Annotated[str, Field(max_length=200)] = ""
    """E-mail address or telephone number; group robots and webhooks need none."""
    language: Language = "zh"


_PAGES = PageOf(ChannelItem)


@router.get("", response_model=_PAGES.model)
def list_channels(
    use: Use, _caller: ChannelReader, limit: Limit = PAGE, cursor: Cursor = None
) -> Response:
    """List the channels of the server file by name."""
    items = _items(use.settings.messages)
    found = part_of(items, lambda one: one.name, limit=limit, cursor=cursor)
    return _PAGES.answer(found, lambda one: one)


@router.post(
    "/{name}/test",
    status_code=HTTPStatus.ACCEPTED,
    responses=problems(403, 404),
    name="test_channel",
)
def send_test(
    name: Annotated[str, Path(max_length=64)],
    use: Use,
    caller: ChannelTester,
    body: TestOrder | None = None,
) -> MessageItem:
    """Send a test message; GET /messages/{id} says what became of it."""
    messages = use.settings.messages
    order = body or TestOrder()
    if all(one.name != name for one in _items(messages)):
        raise NotFoundError(f"no channel {name!r} in the server file")
    problem = address_problem(messages, name, order.address)
    if problem is not None:
        raise FieldError("body.address", problem)
    key = f"{TEST}/{name}/{secrets.token_hex(8)}"

    def write(session: Session) -> MessageItem:
        now = use.clock.now_ms()
        send_to(
            session,
            [Receiver(caller.name, name, order.address, order.language)],
            key=key,
            kind=TEST,
            severity=_SEVERITY,
            incident_id=None,
            payload={"title_en": "Test message", "title_zh": "测试消息"},
            now=now,
        )
        row = session.scalars(select(Message).where(Message.key == key)).one()
        record_message_event(session, row, kind=QUEUED, now=now, by=caller.name)
        return message_item(row, caller)

    return use.records.write(write)


def _items(messages: MessageSettings) -> list[ChannelItem]:
    hooks = [
        ChannelItem(
            name=one.name,
            kind=WEBHOOK,
            address=None,
            severities=list(one.severities),
            trades=list(one.trades),
            sites=list(one.sites),
            actions=["test"],
        )
        for one in messages.webhooks
    ]
    return hooks + [
        ChannelItem(
            name=name,
            kind=one.kind,
            address=_address(isinstance(one, RobotChannel), isinstance(one, EmailChannel)),
            severities=list(one.severities) if isinstance(one, RobotChannel) else [],
            trades=list(one.trades) if isinstance(one, RobotChannel) else [],
            sites=list(one.sites) if isinstance(one, RobotChannel) else [],
            actions=["test"],
        )
        for name, one in messages.channels.items()
    ]


def _address(robot: bool, mail: bool) -> str | None:  # noqa: FBT001 (two facts of one kind)
    if robot:
        return None
    return "email" if mail else "phone"
