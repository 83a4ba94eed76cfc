"""Short messages by Aliyun. Not idempotent: what is unknown is asked by OutId, not repeated."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from config.channels import AliyunSmsChannel as AliyunSmsSettings
from server.core.clock import Clock
from server.messages.addresses import phone_of, phone_problem
from server.messages.queue import Outgoing
from server.messages.rate_limits import Budget, DeliveryPolicy
from server.messages.receivers import CHINA
from server.notifications.channels.aliyun import OK, AliyunService, failure, variables_of
from server.notifications.channels.base import (
    Delivered,
    DeliveryStatus,
    Outcome,
    Refused,
    Sent,
    Unknown,
    Unsent,
)
from server.notifications.channels.provider import (
    DAY,
    Answer,
    object_of,
    out_id_of,
    rows_of,
)

_PER_DAY: Final = 50
_SETTLED_MS: Final = 60_000
"""A younger message may not be in the provider's list yet."""
_MIDNIGHT_MS: Final = 60_000
_PAGE: Final = 50
"""The most that the provider gives at a time."""
_MOST_PAGES: Final = 20
_FAILED, _ARRIVED = "2", "3"


class AliyunSmsChannel(AliyunService):
    """One signature and template."""

    def __init__(
        self, name: str, settings: AliyunSmsSettings, *, secret: str, clock: Clock
    ) -> None:
        super().__init__(settings, secret=secret, clock=clock)
        self._name = name
        self._settings = settings

    def policy(self, address: str) -> DeliveryPolicy:
        """Fifty a day and one each thirty seconds for template and number."""
        key = f"{self._name}/{self._settings.template}/{phone_of(address) or address}"
        budgets = Budget(f"{key}/day", _PER_DAY, DAY), Budget(f"{key}/30s", 1, 30)
        return DeliveryPolicy(budgets, repeatable=False)

    async def send(self, message: Outgoing) -> Outcome:
        """Hand it over once."""
        phone = phone_of(message.address)
        if phone is None:
            return Refused(phone_problem(message.address) or "")
        settings = self._settings
        parameters = {
            "PhoneNumbers": phone,
            "SignName": settings.sign_name,
            "TemplateCode": settings.template,
            "TemplateParam": variables_of(message, settings),
        }
        return await self.order("SendSms", message, parameters, receipt="BizId")

    async def ask(self, message: Outgoing) -> DeliveryStatus:
        """Look for it in the provider's list of its day."""
        phone = phone_of(message.address)
        if phone is None:
            return Refused(phone_problem(message.address) or "")
        try:
            async with asyncio.timeout(self.timeout_s):
                for day in sorted(_days(message.tried_at)):
                    status = await self._ask_day(message, phone, day)
                    if status is not None:
                        return status
        except TimeoutError:
            return Unknown(f"no answer within {self.timeout_s:g} s")
        if message.receipt is not None or self._clock.now_ms() - message.tried_at < _SETTLED_MS:
            return Unknown("Aliyun does not list it yet")
        return Unsent("Aliyun does not know it")

    async def _ask_day(self, message: Outgoing, phone: str, day: str) -> DeliveryStatus | None:
        """Read the list of a day, page by page; None when the message is on none of them."""
        for page in range(1, _MOST_PAGES + 1):
            parameters = {
                "PhoneNumber": phone,
                "SendDate": day,
                "PageSize": str(_PAGE),
                "CurrentPage": str(page),
            }
            if message.receipt is not None:
                parameters["BizId"] = message.receipt
            answer = await self.act("QuerySendDetails", parameters)
            if not isinstance(answer, Answer):
                return Unknown(answer.error)
            if answer.code("Code") != OK:
                return Unknown(failure(answer).error)
            rows = _rows(answer)
            status = _status(rows, out_id_of(message))
            if status is not None:
                return status
            if len(rows) < _PAGE:
                return None
        return Unknown(f"Aliyun lists more than {_MOST_PAGES * _PAGE} messages")


def _rows(answer: Answer) -> list[Mapping[str, Any]]:
    found = object_of(answer.body.get("SmsSendDetailDTOs"))
    return rows_of(found.get("SmsSendDetailDTO"))


def _status(rows: Sequence[Mapping[str, Any]], out_id: str) -> DeliveryStatus | None:
    for row in rows:
        if row.get("OutId") != out_id:
            continue
        status = str(row.get("SendStatus"))
        if status == _ARRIVED:
            return Delivered()
        if status == _FAILED:
            return Refused(f"Aliyun could not deliver it: {row.get('ErrCode')}")
        return Sent()
    return None


def _days(at: int) -> set[str]:
    """The provider's days on which it may have been taken; its clock is not ours."""
    moments = (at - _MIDNIGHT_MS, at + _MIDNIGHT_MS)
    return {
        f"{datetime.fromtimestamp(one / 1000, UTC).astimezone(CHINA):%Y%m%d}" for one in moments
    }
