"""DingTalk group robots: signed query, and the error code in a 200 body."""

import base64
import hashlib
import hmac
import json
from typing import Final
from urllib.parse import urlencode

from config.channels import DingTalkChannel as DingTalkSettings
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
_MOST_BYTES: Final = 18_000
"""The provider takes 20,000 with everything around the text."""
_SLOW_DOWN: Final = {"130101", "410100"}
_SLOW_DOWN_S: Final = 600.0
"""The provider shuts a robot out for ten minutes."""
_FOR_EVER: Final = {
    "310000",  # keyword, signature or address
    "300001",
    "300005",  # the token does not exist
    "400013",  # the group is gone
    "400101",
    "400102",  # the robot is switched off
    "400105",
    "400106",  # the robot does not exist
    "40035",
    "430101",  # what it says is forbidden
    "430102",
    "430103",
    "430104",
    "460101",  # too long
}


def sign(secret: str, *, timestamp_ms: int) -> str:
    """Return the ``sign`` of the query, not yet escaped."""
    text = f"{timestamp_ms}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


class DingTalkChannel(Provider):
    """One robot of one group."""

    def __init__(
        self, name: str, settings: DingTalkSettings, *, token: str, secret: str | None, clock: Clock
    ) -> None:
        super().__init__(
            timeout_s=settings.timeout_s, allow_private=settings.allow_private, clock=clock
        )
        self._settings = settings
        self._token = token
        self._secret = secret
        self._policy = DeliveryPolicy((Budget(name, _PER_MINUTE, 60),))

    def policy(self, address: str) -> DeliveryPolicy:  # noqa: ARG002 (the robot has one budget)
        """Twenty a minute for the robot."""
        return self._policy

    def check_address(self, address: str) -> str | None:  # noqa: ARG002 (only a mention)
        """Any will do: a telephone number is mentioned, everything else is not."""
        return None

    async def send(self, message: Outgoing) -> Outcome:
        """Post once; signed anew each time, since a signature lives an hour."""
        query = {"access_token": self._token}
        if self._secret is not None:
            timestamp_ms = self._clock.now_ms()
            query["timestamp"] = str(timestamp_ms)
            query["sign"] = sign(self._secret, timestamp_ms=timestamp_ms)
        answer = await self.call(
            f"{self._settings.endpoint}/robot/send?{urlencode(query)}",
            headers={"Content-Type": "application/json; charset=utf-8"},
            content=self._body(message),
        )
        return _outcome(answer) if isinstance(answer, Answer) else answer

    def _body(self, message: Outgoing) -> bytes:
        text = render(message)
        tail = list(text.tail)
        phones = [phone for one in mentioned(message.address) if (phone := phone_of(one))]
        # The name only lights up when the text has it, too.
        tail += [f"@{phone}" for phone in phones]
        if self._settings.keyword:
            tail.append(self._settings.keyword)
        content = fit(text.title, text.lines, tail, limit=_MOST_BYTES)
        body = {
            "msgtype": "text",
            "text": {"content": content},
            "at": {"atMobiles": phones, "isAtAll": False},
        }
        return json.dumps(body, ensure_ascii=False).encode()


def _outcome(answer: Answer) -> Outcome:
    code = answer.code("errcode")
    if code == "0":
        return Sent()
    error = f"DingTalk {code or answer.status}: {answer.code('errmsg')}"
    if code in _SLOW_DOWN:
        return Throttled(error, _SLOW_DOWN_S)
    return Refused(error) if code in _FOR_EVER else Failed(error)
