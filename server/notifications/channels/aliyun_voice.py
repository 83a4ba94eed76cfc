"""Telephone calls by Aliyun that read a template (SingleCallByTts).

Aliyun finds a call by its number only. When the order's answer was lost, nobody can be asked: then
the person's next channel is used, and only without one the call is made once more, later.
"""

import json
from typing import Final

from config.channels import AliyunVoiceChannel as AliyunVoiceSettings
from server.core.clock import Clock
from server.messages.addresses import phone_of, phone_problem
from server.messages.queue import Outgoing
from server.messages.rate_limits import Budget, DeliveryPolicy
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
)

_PER_MINUTE: Final = 1
_PER_HOUR: Final = 5
_PER_DAY: Final = 20
_PRODUCT: Final = "11000000300006"
"""The provider's number of voice notifications."""
_RING_MS: Final = 61_000
"""Two calls in one minute are both blocked; by then the first is over."""
_ANSWERED: Final = "200000"
_NOT_OVER: Final = {"", "200001"}


class AliyunVoiceChannel(AliyunService):
    """One template that is read to the callee."""

    def __init__(
        self, name: str, settings: AliyunVoiceSettings, *, secret: str, clock: Clock
    ) -> None:
        super().__init__(settings, secret=secret, clock=clock)
        self._name = name
        self._settings = settings

    def policy(self, address: str) -> DeliveryPolicy:
        """One a minute, five an hour, twenty a day for the callee."""
        key = f"{self._name}/{phone_of(address) or address}"
        budgets = (
            Budget(f"{key}/minute", _PER_MINUTE, 60),
            Budget(f"{key}/hour", _PER_HOUR, 3600),
            Budget(f"{key}/day", _PER_DAY, DAY),
        )
        return DeliveryPolicy(budgets, repeatable=False)

    async def send(self, message: Outgoing) -> Outcome:
        """Order the call once."""
        phone = phone_of(message.address)
        if phone is None:
            return Refused(phone_problem(message.address) or "")
        settings = self._settings
        parameters = {
            "CalledNumber": phone,
            "TtsCode": settings.template,
            "TtsParam": variables_of(message, settings),
            "PlayTimes": str(settings.play_times),
        }
        if settings.caller is not None:
            parameters["CalledShowNumber"] = settings.caller
        return await self.order("SingleCallByTts", message, parameters, receipt="CallId")

    async def ask(self, message: Outgoing) -> DeliveryStatus:
        """Ask whether the call was answered; without its number Aliyun cannot be asked."""
        if message.receipt is None:
            return self._unasked(message)
        parameters = {
            "CallId": message.receipt,
            "ProdId": _PRODUCT,
            "QueryDate": str(message.tried_at),
        }
        answer = await self.act("QueryCallDetailByCallId", parameters)
        if not isinstance(answer, Answer):
            return Unknown(answer.error)
        if answer.code("Code") != OK:
            return Unknown(failure(answer).error)
        return _status(answer.body.get("Data"))

    def _unasked(self, message: Outgoing) -> DeliveryStatus:
        if message.others:
            return Refused("the call's number never came; whether it rang is not known")
        if self._clock.now_ms() - message.tried_at < _RING_MS:
            return Unknown("the call's number never came; it may be ringing")
        # A second ring does less harm than none.
        return Unsent("the call's number never came")


def _status(data: object) -> DeliveryStatus:
    try:
        details = object_of(json.loads(data) if isinstance(data, str) else data)
    except ValueError:
        return Unknown("Aliyun's record of the call cannot be read")
    state = str(details.get("state", details.get("statusCode", "")))
    if state == _ANSWERED:
        return Delivered()
    if state in _NOT_OVER:
        return Sent()
    return Refused(f"the call was not answered: {state} {details.get('stateDesc', '')}".rstrip())
