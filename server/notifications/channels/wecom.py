"""WeCom group robots: the key is in the address, the error code in a 200 body."""

import json
from typing import Final
from urllib.parse import urlencode

from config.channels import WeComChannel as WeComSettings
from server.core.clock import Clock
from server.messages.addresses import phone_of
from server.messages.digests import mentioned
from server.messages.queue import Outgoing
from server.messages.rate_limits import Budget, DeliveryPolicy
from server.notifications.channels.base import Failed, Outcome, Refused, Sent, Throttled
from server.notifications.channels.provider import Answer, Provider
from server.notifications.cutting import fit
from server.notifications.templates import render

_PER_MINUTE: Final = 20
_MOST_BYTES: Final = 2_048
_SLOW_DOWN: Final = {"45009", "45033"}
_SLOW_DOWN_S: Final = 60.0
_FOR_EVER: Final = {
    "40008",  # kind of message
    "40058",  # parameters
    "44004",  # empty
    "45002",  # too long
    "93000",  # the key is wrong or the robot was removed
    "93004",
    "93008",  # not in the group
}


class WeComChannel(Provider):
    """One robot of one group."""

    def __init__(self, name: str, settings: WeComSettings, *, key: str, clock: Clock) -> None:
        super().__init__(
            timeout_s=settings.timeout_s, allow_private=settings.allow_private, clock=clock
        )
        query = urlencode({"key": key})
        self._url = f"{settings.endpoint}/cgi-bin/webhook/send?{query}"
        self._policy = DeliveryPolicy((Budget(name, _PER_MINUTE, 60),))

    def policy(self, address: str) -> DeliveryPolicy:  # noqa: ARG002 (the robot has one budget)
        """Twenty a minute for the robot."""
        return self._policy

    def check_address(self, address: str) -> str | None:  # noqa: ARG002 (only a mention)
        """Any will do: a telephone number is mentioned, everything else is not."""
        return None

    async def send(self, message: Outgoing) -> Outcome:
        """Post once."""
        answer = await self.call(
            self._url,
            headers={"Content-Type": "application/json; charset=utf-8"},
            content=_body(message),
        )
        return _outcome(answer) if isinstance(answer, Answer) else answer


def _body(message: Outgoing) -> bytes:
    text = render(message)
    phones = [phone for one in mentioned(message.address) if (phone := phone_of(one))]
    body = {
        "msgtype": "text",
        "text": {
            "content": fit(text.title, text.lines, text.tail, limit=_MOST_BYTES),
            "mentioned_mobile_list": phones,
        },
    }
    return json.dumps(body, ensure_ascii=False).encode()


def _outcome(answer: Answer) -> Outcome:
    code = answer.code("errcode")
    if code == "0":
        return Sent()
    error = f"WeCom {code or answer.status}: {answer.code('errmsg')}"
    if code in _SLOW_DOWN:
        return Throttled(error, _SLOW_DOWN_S)
    return Refused(error) if code in _FOR_EVER else Failed(error)
