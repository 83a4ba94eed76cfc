"""Feishu group robots: the signature is in the body, and so is the error code."""

import base64
import hashlib
import hmac
import json
import re
from typing import Any, Final
from urllib.parse import quote

from config.channels import FeishuChannel as FeishuSettings
from server.core.clock import Clock
from server.messages.digests import mentioned
from server.messages.queue import Outgoing
from server.messages.rate_limits import Budget, DeliveryPolicy
from server.notifications.channels.base import Failed, Outcome, Refused, Sent, Throttled
from server.notifications.channels.provider import Answer, Provider
from server.notifications.cutting import fit
from server.notifications.templates import render

_PER_MINUTE: Final = 100
_PER_SECOND: Final = 5
_MOST_BYTES: Final = 18_000
"""The provider takes 20 KB with everything around the text."""
_SLOW_DOWN: Final = {"11232", "99991400"}
_SLOW_DOWN_S: Final = 60.0
_FOR_EVER: Final = {
    "9499",  # the request itself
    "19001",  # the token
    "19021",  # signature, or a clock that is an hour off
    "19022",  # address
    "19024",  # keyword
}
_OPEN_ID = re.compile(r"^ou_[0-9A-Za-z]+$")


def sign(secret: str, *, timestamp_s: int) -> str:
    """Return ``sign``: time and secret are the key of an empty text, unlike DingTalk's."""
    key = f"{timestamp_s}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


class FeishuChannel(Provider):
    """One robot of one group."""

    def __init__(
        self, name: str, settings: FeishuSettings, *, token: str, secret: str | None, clock: Clock
    ) -> None:
        super().__init__(
            timeout_s=settings.timeout_s, allow_private=settings.allow_private, clock=clock
        )
        self._url = f"{settings.endpoint}/open-apis/bot/v2/hook/{quote(token, safe='')}"
        self._keyword = settings.keyword
        self._secret = secret
        budgets = (
            Budget(f"{name}/minute", _PER_MINUTE, 60),
            Budget(f"{name}/second", _PER_SECOND, 1),
        )
        self._policy = DeliveryPolicy(budgets)

    def policy(self, address: str) -> DeliveryPolicy:  # noqa: ARG002 (the robot has one budget)
        """A hundred a minute and five a second for the robot."""
        return self._policy

    def check_address(self, address: str) -> str | None:  # noqa: ARG002 (only a mention)
        """Any will do: an open_id is mentioned, everything else is not."""
        return None

    async def send(self, message: Outgoing) -> Outcome:
        """Post once; signed anew each time, since a signature lives an hour."""
        body: dict[str, Any] = {"msg_type": "text", "content": {"text": self._text(message)}}
        if self._secret is not None:
            timestamp_s = self._clock.now_ms() // 1000
            body["timestamp"] = str(timestamp_s)
            body["sign"] = sign(self._secret, timestamp_s=timestamp_s)
        answer = await self.call(
            self._url,
            headers={"Content-Type": "application/json; charset=utf-8"},
            content=json.dumps(body, ensure_ascii=False).encode(),
        )
        return _outcome(answer) if isinstance(answer, Answer) else answer

    def _text(self, message: Outgoing) -> str:
        text = render(message)
        # What a device calls itself must not become a mention of everybody.
        lines = [_harmless(line) for line in text.lines]
        tail = list(text.tail)
        tail += [
            f'<at user_id="{one}"></at>'
            for one in mentioned(message.address)
            if _OPEN_ID.match(one)
        ]
        if self._keyword:
            tail.append(self._keyword)
        return fit(_harmless(text.title), lines, tail, limit=_MOST_BYTES)


def _harmless(line: str) -> str:
    return line.replace("<", "\uff1c")


def _outcome(answer: Answer) -> Outcome:
    code = answer.code("code", "StatusCode")
    if code == "0":
        return Sent()
    error = f"Feishu {code or answer.status}: {answer.code('msg', 'StatusMessage')}"
    if code in _SLOW_DOWN:
        return Throttled(error, _SLOW_DOWN_S)
    return Refused(error) if code in _FOR_EVER else Failed(error)
