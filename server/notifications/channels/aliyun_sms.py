"""Short messages by Aliyun. Not idempotent: what is unknown is asked by OutId, not repeated."""

import json
from datetime import UTC, datetime
from typing import Final

from config.channels import AliyunSmsChannel as AliyunSmsSettings
from server.core.addresses import phone_of, phone_problem
from server.core.budgets import Budget, Terms
from server.core.clock import Clock
from server.core.outbox import Outgoing
from server.core.receivers import CHINA
from server.notifications.channels.aliyun import OK, AliyunService, failure
from server.notifications.channels.base import (
    Delivered,
    Fate,
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
from server.notifications.templates import short_parameters

_PER_DAY: Final = 50
_SETTLED_MS: Final = 60_000
"""A younger message may not be in the provider's list yet."""
_MIDNIGHT_MS: Final = 60_000
_FAILED, _ARRIVED = "2", "3"


class AliyunSmsChannel(AliyunService):
    """One signature and template."""

    def __init__(
        self, name: str, settings: AliyunSmsSettings, *, secret: str, clock: Clock
    ) -> None:
        super().__init__(settings, secret=secret, clock=clock)
        self._name = name
        self._settings = settings

    def terms(self, address: str) -> Terms:
        """Fifty a day and one each thirty seconds for template and number."""
        key = f"{self._name}/{self._settings.template}/{phone_of(address) or address}"
        budgets = Budget(f"{key}/day", _PER_DAY, DAY), Budget(f"{key}/30s", 1, 30)
        return Terms(budgets, repeatable=False)

    async def send(self, message: Outgoing) -> Outcome:
        """Hand it over once."""
        phone = phone_of(message.address)
        if phone is None:
            return Refused(phone_problem(message.address) or "")
        settings = self._settings
        values = dict(
            short_parameters(message, settings.parameters, limit=settings.parameter_length)
        )
        parameters = {
            "PhoneNumbers": phone,
            "SignName": settings.sign_name,
            "TemplateCode": settings.template,
            "TemplateParam": json.dumps(values, ensure_ascii=False),
            "OutId": out_id_of(message),
        }
        answer = await self.act("SendSms", parameters)
        if not isinstance(answer, Answer):
            return answer
        if answer.code("Code") == OK:
            return Sent(answer.code("BizId") or None)
        return failure(answer)

    async def ask(self, message: Outgoing) -> Fate:
        """Look for it in the provider's list of its day."""
        phone = phone_of(message.address)
        if phone is None:
            return Refused(phone_problem(message.address) or "")
        for day in sorted(_days(message.tried_at)):
            parameters = {
                "PhoneNumber": phone,
                "SendDate": day,
                "PageSize": "50",
                "CurrentPage": "1",
            }
            if message.receipt is not None:
                parameters["BizId"] = message.receipt
            answer = await self.act("QuerySendDetails", parameters)
            if not isinstance(answer, Answer):
                return Unknown(answer.error)
            if answer.code("Code") != OK:
                return Unknown(failure(answer).error)
            fate = _fate(answer, out_id_of(message))
            if fate is not None:
                return fate
        if message.receipt is not None or self._clock.now_ms() - message.tried_at < _SETTLED_MS:
            return Unknown("Aliyun does not list it yet")
        return Unsent("Aliyun does not know it")


def _fate(answer: Answer, out_id: str) -> Fate | None:
    found = object_of(answer.body.get("SmsSendDetailDTOs"))
    for row in rows_of(found.get("SmsSendDetailDTO")):
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
