"""Short messages by Tencent Cloud (TC3-HMAC-SHA256). Not idempotent: the unknown is asked."""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from config.channels import TencentSmsChannel as TencentSmsSettings
from server.core.clock import Clock
from server.messages.addresses import phone_of, phone_problem
from server.messages.queue import Outgoing
from server.messages.rate_limits import Budget, DeliveryPolicy
from server.notifications.channels.base import (
    Delivered,
    DeliveryStatus,
    Failed,
    Outcome,
    Refused,
    Sent,
    Throttled,
    Unknown,
)
from server.notifications.channels.provider import (
    DAY,
    Answer,
    Provider,
    object_of,
    out_id_of,
    rows_of,
)
from server.notifications.templates import template_parameters

_ALGORITHM: Final = "TC3-HMAC-SHA256"
_SERVICE: Final = "sms"
_VERSION: Final = "2021-01-11"
_CONTENT_TYPE: Final = "application/json; charset=utf-8"
_PER_DAY: Final = 50
_LIMITS: Final = (("ThirtySecond", 30.0), ("OneHour", 3600.0), ("Daily", DAY))
_BUSY_PAUSE_S: Final = 5.0
_OUR_FAULT = re.compile(
    r"^(?:AuthFailure|FailedOperation|InvalidParameter|MissingParameter|UnauthorizedOperation"
    r"|UnsupportedOperation|UnknownParameter|InvalidAction|NoSuchVersion|UnsupportedRegion)"
)


def sign(
    *,
    secret_id: str,
    secret_key: str,
    host: str,
    service: str,
    action: str,
    body: bytes,
    timestamp_s: int,
) -> str:
    """Return the ``Authorization`` header of a POST with a JSON body."""
    names = "content-type;host;x-tc-action"
    lines = f"content-type:{_CONTENT_TYPE}\nhost:{host}\nx-tc-action:{action.lower()}\n"
    request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    date = f"{datetime.fromtimestamp(timestamp_s, UTC):%Y-%m-%d}"
    scope = f"{date}/{service}/tc3_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = f"{_ALGORITHM}\n{timestamp_s}\n{scope}\n{digest}"
    key = f"TC3{secret_key}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return (
        f"{_ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )


class TencentSmsChannel(Provider):
    """One signature and template."""

    repeatable = False

    def __init__(
        self, name: str, settings: TencentSmsSettings, *, secret_key: str, clock: Clock
    ) -> None:
        super().__init__(
            timeout_s=settings.timeout_s, allow_private=settings.allow_private, clock=clock
        )
        self._name = name
        self._settings = settings
        self._secret_key = secret_key
        self._host = urlsplit(settings.endpoint).netloc

    def policy(self, address: str) -> DeliveryPolicy:
        """Fifty a day and one each thirty seconds for template and number."""
        key = f"{self._name}/{self._settings.template}/{phone_of(address) or address}"
        budgets = Budget(f"{key}/day", _PER_DAY, DAY), Budget(f"{key}/30s", 1, 30)
        return DeliveryPolicy(budgets, repeatable=False)

    def check_address(self, address: str) -> str | None:
        """A mainland mobile number."""
        return phone_problem(address)

    async def send(self, message: Outgoing) -> Outcome:
        """Hand it over once."""
        phone = phone_of(message.address)
        if phone is None:
            return Refused(phone_problem(message.address) or "")
        settings = self._settings
        values = template_parameters(message, settings.parameters, limit=settings.parameter_length)
        answer = await self._act(
            "SendSms",
            {
                "PhoneNumberSet": [f"+86{phone}"],
                "SmsSdkAppId": settings.app_id,
                "SignName": settings.sign_name,
                "TemplateId": settings.template,
                "TemplateParamSet": [value for _, value in values],
                "SessionContext": out_id_of(message),
            },
        )
        if not isinstance(answer, Answer):
            return answer
        for row in rows_of(answer.body.get("SendStatusSet")):
            code = str(row.get("Code"))
            if code == "Ok":
                return Sent(str(row.get("SerialNo") or "") or None)
            return _failure(code, str(row.get("Message")))
        return Unknown("Tencent answered without a status")

    async def ask(self, message: Outgoing) -> DeliveryStatus:
        """Look for it in the provider's list of the number.

        The list has what the operators reported, and a telephone that is off is reported when it
        is on again: what is not listed may still arrive, and is never said to be unsent.
        """
        phone = phone_of(message.address)
        if phone is None:
            return Refused(phone_problem(message.address) or "")
        now = self._clock.now_ms()
        answer = await self._act(
            "PullSmsSendStatusByPhoneNumber",
            {
                "SmsSdkAppId": self._settings.app_id,
                "PhoneNumber": f"+86{phone}",
                "BeginTime": message.tried_at // 1000 - 60,
                "EndTime": now // 1000 + 60,
                "Offset": 0,
                "Limit": 100,
            },
        )
        if not isinstance(answer, Answer):
            return Unknown(answer.error)
        for row in rows_of(answer.body.get("PullSmsSendStatusSet")):
            if out_id_of(message) != row.get("SessionContext") and (
                message.receipt is None or message.receipt != row.get("SerialNo")
            ):
                continue
            if row.get("ReportStatus") == "SUCCESS":
                return Delivered()
            return Refused(f"Tencent could not deliver it: {row.get('Description')}")
        return Unknown("Tencent does not list it yet")

    async def _act(
        self, action: str, parameters: Mapping[str, Any]
    ) -> Answer | Failed | Throttled | Refused | Unknown:
        """Call an action once; an answer is one without an error."""
        body = json.dumps(parameters, ensure_ascii=False).encode()
        timestamp_s = self._clock.now_ms() // 1000
        authorization = sign(
            secret_id=self._settings.secret_id,
            secret_key=self._secret_key,
            host=self._host,
            service=_SERVICE,
            action=action,
            body=body,
            timestamp_s=timestamp_s,
        )
        headers = {
            "Content-Type": _CONTENT_TYPE,
            "Authorization": authorization,
            "X-TC-Action": action,
            "X-TC-Version": _VERSION,
            "X-TC-Region": self._settings.region,
            "X-TC-Timestamp": str(timestamp_s),
        }
        answer = await self.call(f"{self._settings.endpoint}/", headers=headers, content=body)
        if not isinstance(answer, Answer):
            return answer
        inside = Answer(answer.status, object_of(answer.body.get("Response")))
        if not inside.body:
            return Unknown(f"HTTP {answer.status}: Tencent's answer cannot be read")
        wrong = Answer(answer.status, object_of(inside.body.get("Error")))
        return _failure(wrong.code("Code"), wrong.code("Message")) if wrong.body else inside


def _failure(code: str, words: str) -> Failed | Throttled | Refused | Unknown:
    error = f"Tencent {code}: {words}"
    if code.startswith(("LimitExceeded", "RequestLimitExceeded")):
        pause_s = next((pause for word, pause in _LIMITS if word in code), _BUSY_PAUSE_S)
        return Throttled(error, pause_s)
    if code == "AuthFailure.SignatureExpire":
        return Failed(error)
    return Refused(error) if _OUR_FAULT.match(code) else Unknown(error)
