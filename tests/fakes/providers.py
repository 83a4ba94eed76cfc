"""Local servers that behave like the providers of group robots: signatures, error bodies, limits.

They check signatures with code of their own, written from the providers' documents.
"""

import base64
import hashlib
import hmac
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.fakes.agent_clock import FakeClock
from tests.fakes.webhook_receiver import Request, WebhookReceiver, reply

TOKEN = "robot-token"
SECRET = "SECthis-is-a-secret"


def json_reply(body: object, status: int = 200) -> bytes:
    return reply(status, json.dumps(body, ensure_ascii=False), content_type="application/json")


@dataclass
class Window:
    """A provider's own limit: so many in any so many seconds."""

    count: int
    seconds: float
    taken: deque[float] = field(default_factory=deque[float])

    def take(self, now_s: float) -> bool:
        while self.taken and self.taken[0] <= now_s - self.seconds:
            self.taken.popleft()
        if len(self.taken) >= self.count:
            return False
        self.taken.append(now_s)
        return True


@dataclass
class ProviderServer(WebhookReceiver):
    """``trouble`` is what the provider says next: busy, throttled, refused or nothing."""

    clock: FakeClock = field(default_factory=FakeClock)
    trouble: str | None = None
    texts: list[str] = field(default_factory=list[str])
    """What people would read."""
    addressed: list[str] = field(default_factory=list[str])
    ids: list[str] = field(default_factory=list[str])
    """The sender's own number of each accepted message."""

    def now_s(self) -> float:
        return self.clock.utc_ms / 1000


@dataclass
class DingTalkServer(ProviderServer):
    limit: Window = field(default_factory=lambda: Window(20, 60))

    CODES: ClassVar[dict[str, Any]] = {"busy": -1, "throttled": 130101, "refused": 300005}

    def answer(self, request: Request) -> bytes:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        body: dict[str, Any] = json.loads(request.body)
        code, words = 0, "ok"
        text = f"{query['timestamp']}\n{SECRET}"
        digest = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
        if self.trouble is not None:
            code, words = self.CODES[self.trouble], self.trouble
        elif query["access_token"] != TOKEN:
            code, words = 300005, "token is not exist"
        elif query["sign"] != base64.b64encode(digest).decode() or self._stale(query["timestamp"]):
            code, words = 310000, "sign not match"
        elif len(request.body) > 20_000:
            code, words = 460101, "message too long"
        elif not self.limit.take(self.now_s()):
            code, words = 130101, "send too fast"
        else:
            self.texts.append(body["text"]["content"])
            self.addressed += body["at"]["atMobiles"]
        return json_reply({"errcode": code, "errmsg": words})

    def _stale(self, timestamp: str) -> bool:
        return abs(int(timestamp) / 1000 - self.now_s()) > 3600


@dataclass
class WeComServer(ProviderServer):
    limit: Window = field(default_factory=lambda: Window(20, 60))

    CODES: ClassVar[dict[str, Any]] = {"busy": -1, "throttled": 45009, "refused": 93000}

    def answer(self, request: Request) -> bytes:
        query = parse_qs(urlsplit(request.path).query)
        body: dict[str, Any] = json.loads(request.body)
        content = body["text"]["content"]
        code, words = 0, "ok"
        if self.trouble is not None:
            code, words = self.CODES[self.trouble], self.trouble
        elif query["key"] != [TOKEN]:
            code, words = 93000, "invalid webhook url"
        elif len(content.encode()) > 2048:
            code, words = 45002, "content size out of limit"
        elif not self.limit.take(self.now_s()):
            code, words = 45009, "api freq out of limit"
        else:
            self.texts.append(content)
            self.addressed += body["text"]["mentioned_mobile_list"]
        return json_reply({"errcode": code, "errmsg": words})


@dataclass
class FeishuServer(ProviderServer):
    minute: Window = field(default_factory=lambda: Window(100, 60))
    second: Window = field(default_factory=lambda: Window(5, 1))

    CODES: ClassVar[dict[str, Any]] = {"busy": 10001, "throttled": 11232, "refused": 19022}

    def answer(self, request: Request) -> bytes:
        body: dict[str, Any] = json.loads(request.body)
        key = f"{body['timestamp']}\n{SECRET}".encode()
        good = base64.b64encode(hmac.new(key, digestmod=hashlib.sha256).digest()).decode()
        code, words = 0, "success"
        if self.trouble is not None:
            code, words = self.CODES[self.trouble], self.trouble
        elif request.path != f"/open-apis/bot/v2/hook/{TOKEN}":
            code, words = 19001, "incoming webhook access token invalid"
        elif body["sign"] != good or abs(int(body["timestamp"]) - self.now_s()) > 3600:
            code, words = 19021, "sign match fail or timestamp is not within one hour"
        elif len(request.body) > 20_480:
            code, words = 9499, "Bad Request"
        elif not (self.second.take(self.now_s()) and self.minute.take(self.now_s())):
            code, words = 11232, "frequency limited"
        else:
            self.texts.append(body["content"]["text"])
        return json_reply({"code": code, "msg": words, "data": {}})
