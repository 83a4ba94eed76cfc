"""What an OpenID Connect provider is asked, and whether what it says is true; no I/O, no clock."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast
from urllib.parse import urlencode

from authlib.oauth2 import rfc7636
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from config.login_provider import LoginProviderSettings
from server.core.errors import ServerError

_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
"""Signatures of public keys; none and shared secrets are not among them."""
_LEEWAY_S: Final = 60
_challenge = cast("Callable[[str], str]", vars(rfc7636)["create_s256_code_challenge"])
_LONGEST: Final = 300


class IdTokenError(ServerError):
    """The provider's word is not good."""


class Asked(NamedTuple):
    """What one login asked with."""

    state: str
    nonce: str
    verifier: str
    """Of PKCE: who has it has begun the login."""


class Vouched(NamedTuple):
    """Whom the provider vouches for."""

    identity: str
    """The value of the claim."""
    second_factor: bool


def authorization_url(endpoint: str, settings: LoginProviderSettings, asked: Asked) -> str:
    """Return where the browser is sent to."""
    asking = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": settings.redirect_uri,
        "scope": " ".join(dict.fromkeys(("openid", *settings.scopes))),
        "state": asked.state,
        "nonce": asked.nonce,
        "code_challenge": _challenge(asked.verifier),
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asking)}"


def vouched_for(
    id_token: str,
    keys: Mapping[str, Any],
    settings: LoginProviderSettings,
    *,
    nonce: str,
    access_token: str,
    now_s: int,
) -> Vouched:
    """Return whom an ID token is about.

    Args:
        id_token: As the token endpoint gave it.
        keys: The provider's public keys, a JWK set.
        settings: Who the provider and its client are.
        nonce: What this login asked with.
        access_token: What came with it; at_hash is about it.
        now_s: Seconds since 1970.

    Raises:
        IdTokenError: It is not the provider's, not for this server, not of this login, or over.
    """
    try:
        key_set = KeySet.import_key_set({"keys": _signing(keys)})
        token = jwt.decode(id_token, key_set, algorithms=list(_ALGORITHMS))
        claims = CodeIDToken(
            token.claims,
            token.header,
            options={
                "iss": {"essential": True, "value": settings.issuer},
                "aud": {"essential": True, "value": settings.client_id},
                "exp": {"essential": True},
                "nonce": {"essential": True, "value": nonce},
            },
            params={
                "nonce": nonce,
                "client_id": settings.client_id,
                "access_token": access_token,
            },
        )
        claims.validate(now=now_s, leeway=_LEEWAY_S)  # pyright: ignore[reportUnknownMemberType] (as it comes)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise IdTokenError(f"the login provider's ID token is not good: {error}") from error
    return Vouched(_identity(claims, settings.claim), _second_factor(claims, settings))


def _signing(keys: Mapping[str, Any]) -> list[Any]:
    """Return the keys that signatures are checked with."""
    listed: object = keys.get("keys")
    if not isinstance(listed, list):
        raise ValueError("the provider's keys are no JWK set")  # noqa: TRY004 (as of what is read)
    found = cast("list[Mapping[str, Any]]", listed)
    return [
        dict(one) for one in found if one.get("use", "sig") == "sig" and one.get("kty") != "oct"
    ]


def _identity(claims: Mapping[str, Any], claim: str) -> str:
    value = claims.get(claim)
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST:
        raise IdTokenError(f"the login provider's ID token has no claim {claim!r}")
    if claim == "email" and claims.get("email_verified") is not True:
        raise IdTokenError("the login provider has not verified this e-mail address")
    return value


def _second_factor(claims: Mapping[str, Any], settings: LoginProviderSettings) -> bool:
    return bool(set(settings.second_factor_amr) & set(claims.get("amr") or ()))
