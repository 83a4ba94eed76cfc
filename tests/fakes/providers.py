"""Local servers that behave like the providers: signatures, error bodies, limits.

They check signatures with code of their own, written from the providers' documents.
"""

import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.agent_clock import FakeClock
from tests.fakes.webhook_receiver import Request, WebhookReceiver, reply

TOKEN = "robot-token"
SECRET = "SECthis-is-a-secret"
KEY_ID = "KeyIdOfTheTests"


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


@dataclass
class AliyunServer(ProviderServer):
    """SMS and voice; ``status`` is what the lists say of each message."""

    status: int = 1
    listed: bool = True
    call_state: str = "200000"
    daily: dict[str, Window] = field(default_factory=dict[str, Window])

    CODES: ClassVar[dict[str, Any]] = {
        "busy": "isp.SYSTEM_ERROR",
        "throttled": "isv.BUSINESS_LIMIT_CONTROL",
        "refused": "isv.AMOUNT_NOT_ENOUGH",
    }

    def answer(self, request: Request) -> bytes:
        raw = urlsplit(request.path).query
        if not self._signed(request, raw):
            words = {"Code": "SignatureDoesNotMatch", "Message": "wrong"}
            return json_reply(words, status=400)
        query = {name: values[0] for name, values in parse_qs(raw).items()}
        action = request.headers["x-acs-action"]
        if action == "QuerySendDetails":
            return json_reply({"Code": "OK", "Message": "OK", **self._details(query)})
        if action == "QueryCallDetailByCallId":
            data = json.dumps({"callId": query["CallId"], "state": self.call_state})
            return json_reply({"Code": "OK", "Message": "OK", "Data": data})
        if self.trouble is not None:
            said = {"Code": self.CODES[self.trouble], "Message": "触发小时级流控Permits:5"}
            return json_reply(said)
        number = query.get("PhoneNumbers") or query["CalledNumber"]
        if not self.daily.setdefault(number, Window(50, 86_400)).take(self.now_s()):
            said = {"Code": "isv.BUSINESS_LIMIT_CONTROL", "Message": "触发天级流控Permits:50"}
            return json_reply(said)
        values: dict[str, str] = json.loads(query.get("TemplateParam") or query["TtsParam"])
        self.texts.append(" ".join(values.values()))
        self.addressed.append(number)
        self.ids.append(query["OutId"])
        name = "CallId" if action == "SingleCallByTts" else "BizId"
        return json_reply({"Code": "OK", "Message": "OK", name: f"{len(self.ids)}^0"})

    def _details(self, query: Mapping[str, str]) -> dict[str, Any]:
        rows = [{"OutId": one, "SendStatus": self.status, "ErrCode": "MK:0001"} for one in self.ids]
        found = rows if self.listed and query["PhoneNumber"] in self.addressed else []
        return {"TotalCount": len(found), "SmsSendDetailDTOs": {"SmsSendDetailDTO": found}}

    def _signed(self, request: Request, raw: str) -> bool:
        said = dict(
            part.split("=", 1)
            for part in request.headers["authorization"].split(" ", 1)[1].split(",")
        )
        names = said["SignedHeaders"].split(";")
        canonical = ["POST", "/", raw, *(f"{one}:{request.headers[one]}" for one in names), ""]
        canonical += [said["SignedHeaders"], hashlib.sha256(request.body).hexdigest()]
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        text = f"ACS3-HMAC-SHA256\n{digest}"
        good = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        sorted_names = [unquote(pair.split("=")[0]) for pair in raw.split("&")]
        required = {"host", "x-acs-action", "x-acs-date", "x-acs-signature-nonce"}
        return (
            said["Signature"] == good
            and said["Credential"] == KEY_ID
            and sorted_names == sorted(sorted_names)
            and required <= set(names)
        )


@dataclass
class TencentServer(ProviderServer):
    listed: bool = True
    report: str = "SUCCESS"

    CODES: ClassVar[dict[str, Any]] = {
        "busy": "InternalError.Timeout",
        "throttled": "LimitExceeded.PhoneNumberThirtySecondLimit",
        "refused": "FailedOperation.InsufficientBalanceInSmsPackage",
    }

    def answer(self, request: Request) -> bytes:
        if not self._signed(request):
            error = {"Code": "AuthFailure.SignatureFailure", "Message": "wrong"}
            return json_reply({"Response": {"Error": error, "RequestId": "r"}})
        body: dict[str, Any] = json.loads(request.body)
        if request.headers["x-tc-action"] == "PullSmsSendStatusByPhoneNumber":
            rows = [
                {"SessionContext": one, "ReportStatus": self.report, "Description": "DELIVRD"}
                for one in (self.ids if self.listed else [])
            ]
            return json_reply({"Response": {"PullSmsSendStatusSet": rows, "RequestId": "r"}})
        status = {"Code": "Ok", "Message": "send success", "SerialNo": f"s{len(self.ids)}"}
        if self.trouble is not None:
            status = {"Code": self.CODES[self.trouble], "Message": self.trouble, "SerialNo": ""}
        else:
            self.texts.append(" ".join(body["TemplateParamSet"]))
            self.addressed += body["PhoneNumberSet"]
            self.ids.append(body["SessionContext"])
        return json_reply({"Response": {"SendStatusSet": [status], "RequestId": "r"}})

    def _signed(self, request: Request) -> bool:
        headers = request.headers
        scheme, _, rest = headers["authorization"].partition(" ")
        said = dict(part.strip().split("=", 1) for part in rest.split(","))
        names = said["SignedHeaders"].split(";")
        lines = "".join(f"{one}:{headers[one].lower()}\n" for one in names)
        payload = hashlib.sha256(request.body).hexdigest()
        canonical = f"POST\n/\n\n{lines}\n{said['SignedHeaders']}\n{payload}"
        key_id, date, service, end = said["Credential"].split("/")
        text = "\n".join(
            (
                scheme,
                headers["x-tc-timestamp"],
                f"{date}/{service}/{end}",
                hashlib.sha256(canonical.encode()).hexdigest(),
            )
        )
        key = b"TC3" + SECRET.encode()
        for part in (date, service, end):
            key = hmac.digest(key, part.encode(), "sha256")
        fresh = abs(int(headers["x-tc-timestamp"]) - self.now_s()) < 300
        good = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return key_id == KEY_ID and fresh and said["Signature"] == good
