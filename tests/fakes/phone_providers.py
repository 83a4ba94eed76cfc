"""Local servers that behave like the providers of short messages and calls, limits included."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.providers import SECRET, ProviderServer, Window, json_reply
from tests.fakes.webhook_receiver import Request

KEY_ID = "KeyIdOfTheTests"
_CALL_LIMITS = (("分钟", 1, 60), ("小时", 5, 3600), ("天", 20, 86_400))
_TEXT_LIMITS = (("天", 50, 86_400),)


@dataclass
class AliyunServer(ProviderServer):
    """SMS and voice; ``status`` is what the lists say of each message."""

    status: int = 1
    listed: bool = True
    call_state: str = "200000"
    foreign: int = 0
    """Messages of others to the same number, newer than ours."""
    windows: dict[str, Window] = field(default_factory=dict[str, Window])
    longest: int = 35
    """Of a template's variable, characters."""

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
        return self._take(query, action)

    def _take(self, query: Mapping[str, str], action: str) -> bytes:
        number = query.get("PhoneNumbers") or query["CalledNumber"]
        template = query.get("TemplateCode") or query["TtsCode"]
        values: dict[str, str] = json.loads(query.get("TemplateParam") or query["TtsParam"])
        code, words = "OK", "OK"
        if self.trouble is not None:
            code, words = self.CODES[self.trouble], "触发小时级流控Permits:5"
        elif not all(0 < len(one) <= self.longest for one in values.values()):
            code, words = "isv.PARAM_LENGTH_LIMIT", "参数超过长度限制"
        elif spent := self._spent(f"{template}/{number}", call=action == "SingleCallByTts"):
            code, words = "isv.BUSINESS_LIMIT_CONTROL", spent
        if code != "OK":
            return json_reply({"Code": code, "Message": words})
        self.texts.append(" ".join(values.values()))
        self.addressed.append(number)
        self.ids.append(query["OutId"])
        name = "CallId" if action == "SingleCallByTts" else "BizId"
        return json_reply({"Code": code, "Message": words, name: f"{len(self.ids)}^0"})

    def _spent(self, key: str, *, call: bool) -> str:
        """What the provider says when one of its limits is reached."""
        limits = (
            {"分钟": (1, 60), "小时": (5, 3600), "天": (20, 86_400)}
            if call
            else {"天": (50, 86_400)}
        )
        for name, (count, seconds) in limits.items():
            window = self.windows.setdefault(f"{key}/{name}", Window(count, seconds))
            if not window.take(self.now_s()):
                return f"触发{name}级流控Permits:{count}"
        return ""

    def _details(self, query: Mapping[str, str]) -> dict[str, Any]:
        rows = [{"OutId": "foreign", "SendStatus": 3}] * self.foreign
        rows += [
            {"OutId": one, "SendStatus": self.status, "ErrCode": "MK:0001"} for one in self.ids
        ]
        found = rows if self.listed and query["PhoneNumber"] in self.addressed else []
        size, page = int(query["PageSize"]), int(query["CurrentPage"])
        shown = found[size * (page - 1) : size * page] if size <= 50 else []
        return {"TotalCount": len(found), "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown}}

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
    same: dict[str, Window] = field(default_factory=dict[str, Window])
    """One message with the same content in thirty seconds for each number."""
    longest: int = 12

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
        values: list[str] = body["TemplateParamSet"]
        content = json.dumps([body["PhoneNumberSet"], body["TemplateId"], values])
        if self.trouble is not None:
            status = {"Code": self.CODES[self.trouble], "Message": self.trouble, "SerialNo": ""}
        elif not all(0 < len(one) <= self.longest for one in values):
            code = "InvalidParameterValue.TemplateParameterLengthLimit"
            status = {"Code": code, "Message": "too long", "SerialNo": ""}
        elif not self.same.setdefault(content, Window(1, 30)).take(self.now_s()):
            code = "LimitExceeded.PhoneNumberSameContentThirtySecondLimit"
            status = {"Code": code, "Message": "too frequent", "SerialNo": ""}
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
