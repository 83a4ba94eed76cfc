"""Speaks with an OpenID Connect provider: its endpoints, its keys, a code for an ID token."""

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, cast
from urllib.parse import quote, urlsplit

import httpx

from config.login_provider import LoginProviderSettings
from config.private_file import private_text
from server.access.id_tokens import Asked, IdTokenError, Vouched, vouched_for
from server.core.clock import Clock
from server.core.errors import ServerError

_KEPT_S: Final = 3600.0
_LEAST_S: Final = 10.0
"""Keys are read anew for a token of an unknown key, but not more often."""
_MOST_BYTES: Final = 1_000_000
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class ProviderAwayError(ServerError):
    """The provider does not answer, or says nothing that can be understood."""


class LoginProvider:
    """One provider; what it says of itself is read once an hour."""

    def __init__(self, settings: LoginProviderSettings, clock: Clock) -> None:
        """Prepare.

        Raises:
            ConfigError: The secret cannot be read, or others may read it.
        """
        private_text(settings.client_secret_file)
        self.settings = settings
        self._clock = clock
        self._trusted: ssl.SSLContext | None = None
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    async def authorization_endpoint(self) -> str:
        """Return where people log in.

        Raises:
            ProviderAwayError: The provider does not answer.
        """
        return str((await self._metadata())["authorization_endpoint"])

    async def vouched_for(self, code: str, asked: Asked) -> Vouched:
        """Return whom the provider vouches for with a code.

        Raises:
            ProviderAwayError: It does not answer.
            IdTokenError: It refuses the code, or its ID token is not good.
        """
        metadata = await self._metadata()
        answer = await self._exchange(metadata, code, asked)
        id_token, access_token = (str(answer.get(one, "")) for one in ("id_token", "access_token"))

        async def read(keys: Mapping[str, Any]) -> Vouched:
            now_s = self._clock.now_ms() // 1000
            # Some hundred microseconds of arithmetic, which the alarm chain need not wait for.
            return await asyncio.to_thread(
                vouched_for,
                id_token,
                keys,
                self.settings,
                nonce=asked.nonce,
                access_token=access_token,
                now_s=now_s,
            )

        uri = metadata["jwks_uri"]
        try:
            return await read(await self._document(uri, kept_s=_KEPT_S))
        except IdTokenError:
            # A provider may have changed its keys since.
            return await read(await self._document(uri, kept_s=_LEAST_S))

    async def _metadata(self) -> dict[str, Any]:
        issuer = self.settings.issuer
        address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        found = await self._document(address, kept_s=_KEPT_S)
        scheme = urlsplit(issuer).scheme
        places = {name: str(found.get(name, "")) for name in _ENDPOINTS}
        strange = [
            name
            for name, place in places.items()
            if urlsplit(place).scheme not in {scheme, "https"}
        ]
        if found.get("issuer") != issuer or strange:
            wrong = ", ".join(strange) or f"issuer {found.get('issuer')!r}"
            words = f"the login provider {issuer} describes itself wrongly: {wrong}"
            raise ProviderAwayError(words)
        return found

    async def _exchange(self, metadata: dict[str, Any], code: str, asked: Asked) -> dict[str, Any]:
        settings = self.settings
        secret = await asyncio.to_thread(private_text, settings.client_secret_file)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": settings.redirect_uri,
            "code_verifier": asked.verifier,
        }
        headers: dict[str, str] = {}
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if "client_secret_basic" in methods:
            pair = f"{quote(settings.client_id, safe='')}:{quote(secret.strip(), safe='')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": settings.client_id, "client_secret": secret.strip()}
        status, body = await self._ask("POST", metadata["token_endpoint"], headers, form)
        answer = _object(body)
        if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED} and "error" in answer:
            words = str(answer.get("error_description") or answer["error"])[:200]
            raise IdTokenError(f"the login provider refuses this login: {words}")
        if status != HTTPStatus.OK or not answer:
            raise self._away(f"HTTP {status} of its token endpoint")
        return answer

    async def _document(self, address: str, *, kept_s: float) -> dict[str, Any]:
        now_s = self._clock.monotonic_s()
        read_s, known = self._kept.get(address, (0.0, {}))
        if known and now_s - read_s < kept_s:
            return known
        status, body = await self._ask("GET", address, {}, None)
        found = _object(body)
        if status != HTTPStatus.OK or not found:
            raise self._away(f"HTTP {status} of {address}")
        self._kept[address] = now_s, found
        return found

    async def _ask(
        self, method: str, address: str, headers: Mapping[str, str], form: dict[str, str] | None
    ) -> tuple[int, bytes]:
        try:
            if self._trusted is None:
                # It reads the machine's certificates.
                self._trusted = await asyncio.to_thread(ssl.create_default_context)
            body = bytearray()
            headers = {"Accept": "application/json", **headers}
            timeout_s = self.settings.timeout_s
            async with (
                asyncio.timeout(2 * timeout_s),
                httpx.AsyncClient(verify=self._trusted, timeout=timeout_s) as client,
                client.stream(method, address, headers=headers, data=form) as answer,
            ):
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise self._away("its answer is too long")
                return answer.status_code, bytes(body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise self._away(str(error) or type(error).__name__) from error

    def _away(self, why: str) -> ProviderAwayError:
        return ProviderAwayError(
            f"the login provider {self.settings.issuer} does not answer ({why}); "
            "log in with name and password, or try again later"
        )


def _object(body: bytes) -> dict[str, Any]:
    """Return a JSON object; empty when it is none."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
