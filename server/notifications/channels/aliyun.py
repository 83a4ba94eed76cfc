"""Aliyun's RPC interface: ACS3-HMAC-SHA256 and what its error codes mean."""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from config.channels import AliyunSmsChannel, AliyunVoiceChannel
from server.core.clock import Clock
from server.core.instant import rfc3339
from server.messages.addresses import phone_problem
from server.messages.queue import Outgoing
from server.notifications.channels.base import Failed, Outcome, Refused, Sent, Throttled, Unknown
from server.notifications.channels.provider import DAY, Answer, Provider, out_id_of
from server.notifications.templates import template_parameters

OK: Final = "OK"
_ALGORITHM: Final = "ACS3-HMAC-SHA256"
_BUSY_PAUSE_S: Final = 5.0
_PAUSES: Final = (("天", DAY), ("日", DAY), ("day", DAY), ("时", 3600.0), ("hour", 3600.0))
"""What the text of a limit says to how long it lasts; a minute otherwise."""
_OUR_FAULT = re.compile(
    r"^(?:isv\.|isp\.RAM_PERMISSION_DENY|Signature|IncompleteSignature|InvalidAccessKey|Forbidden"
    r"|NoPermission|Missing|Invalid(?!TimeStamp)|Unsupported)"
)
_NOT_TAKEN: Final = {"InvalidTimeStamp.Expired", "SignatureNonceUsed"}


def sign(
    *,
    method: str,
    query: str,
    headers: Mapping[str, str],
    access_key_id: str,
    secret: str,
) -> str:
    """Return the ``Authorization`` header.

    Args:
        query: Sorted and escaped.
        headers: Lower-case names; all of them are signed, x-acs-content-sha256 must be there.
    """
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
    request = f"{method}\n/\n{query}\n{lines}\n{names}\n{headers['x-acs-content-sha256']}"
    text = f"{_ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"{_ALGORITHM} Credential={access_key_id},SignedHeaders={names},Signature={signature}"


def query_of(parameters: Mapping[str, str]) -> str:
    """Return the parameters sorted and escaped as the signature demands."""
    return "&".join(
        f"{quote(name, safe='-_.~')}={quote(parameters[name], safe='-_.~')}"
        for name in sorted(parameters)
    )


class AliyunService(Provider):
    """A service of Aliyun whose interface is called by name of the action."""

    repeatable = False
    _VERSION = "2017-05-25"

    def __init__(
        self,
        settings: AliyunSmsChannel | AliyunVoiceChannel,
        *,
        secret: str,
        clock: Clock,
    ) -> None:
        super().__init__(
            timeout_s=settings.timeout_s, allow_private=settings.allow_private, clock=clock
        )
        self._endpoint = settings.endpoint
        self._host = urlsplit(settings.endpoint).netloc
        self._access_key_id = settings.access_key_id
        self._secret = secret

    def check_address(self, address: str) -> str | None:
        """A mainland mobile number."""
        return phone_problem(address)

    async def order(
        self, action: str, message: Outgoing, parameters: Mapping[str, str], *, receipt: str
    ) -> Outcome:
        """Hand a message over once; ``receipt`` names its number in the answer."""
        answer = await self.act(action, {**parameters, "OutId": out_id_of(message)})
        if not isinstance(answer, Answer):
            return answer
        if answer.code("Code") == OK:
            return Sent(answer.code(receipt) or None)
        return failure(answer)

    async def act(
        self, action: str, parameters: Mapping[str, str]
    ) -> Answer | Failed | Throttled | Refused | Unknown:
        """Call an action once."""
        query = query_of(parameters)
        headers = {
            "host": self._host,
            "x-acs-action": action,
            "x-acs-version": self._VERSION,
            "x-acs-date": f"{rfc3339(self._clock.now_ms())[:19]}Z",
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        }
        headers["authorization"] = sign(
            method="POST",
            query=query,
            headers=headers,
            access_key_id=self._access_key_id,
            secret=self._secret,
        )
        # Outbound writes Host itself, the same.
        del headers["host"]
        return await self.call(f"{self._endpoint}/?{query}", headers=headers, content=b"")


def variables_of(message: Outgoing, settings: AliyunSmsChannel | AliyunVoiceChannel) -> str:
    """Return the values of the template's variables as the provider takes them."""
    values = template_parameters(message, settings.parameters, limit=settings.parameter_length)
    return json.dumps(dict(values), ensure_ascii=False)


def failure(answer: Answer) -> Failed | Throttled | Refused | Unknown:
    """Return what an answer that is not OK means for the message."""
    code, words = answer.code("Code"), answer.code("Message")
    error = f"Aliyun {code or answer.status}: {words}"
    if code.endswith(("BUSINESS_LIMIT_CONTROL", "DAY_LIMIT_CONTROL", "MONTH_LIMIT_CONTROL")):
        return Throttled(error, _pause_s(code, words))
    if code.startswith("Throttling"):
        return Throttled(error, _BUSY_PAUSE_S)
    if code in _NOT_TAKEN:
        return Failed(error)
    return Refused(error) if _OUR_FAULT.match(code) else Unknown(error)


def _pause_s(code: str, words: str) -> float:
    if not code.endswith("BUSINESS_LIMIT_CONTROL"):
        return DAY
    return next((pause_s for word, pause_s in _PAUSES if word in words), 60.0)
