"""The company's own login (OpenID Connect), beside the passwords of the server."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Settings, Words

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class LoginProviderSettings(Settings):
    """An OpenID Connect provider, asked with the authorization code flow and PKCE."""

    name: Words = Field(description="What the button of the login page says.")
    issuer: str = Field(
        pattern=r"^https?://[^/?#]+[^?#]*$",
        description="Its address as its ID tokens have it in iss; https://, or http:// on this "
        "machine. Its endpoints are read from there.",
    )
    client_id: str = Field(min_length=1, max_length=300, description="Of this server.")
    client_secret_file: Path = Field(
        description="File with the client's secret, mode 0600; relative to the server file."
    )
    public_url: str = Field(
        pattern=r"^https?://[^/?#]+[^?#]*$",
        description="Where browsers find this server. The provider is told "
        "PUBLIC_URL/app/login as redirect URI.",
    )
    claim: str = Field(
        default="sub",
        min_length=1,
        max_length=100,
        description="Claim of the ID token that says who somebody is; an administrator writes its "
        "value at the user. email counts only with email_verified.",
    )
    scopes: tuple[str, ...] = Field(
        default=("openid",),
        min_length=1,
        description="What is asked for; openid is always. profile and email bring more claims.",
    )
    second_factor_amr: tuple[str, ...] = Field(
        default=(),
        description="Values of the claim amr, such as mfa or otp, that count as a second factor; "
        "none: a login by the provider has shown none.",
    )
    timeout_s: float = Field(default=5, gt=0, le=10, description="Wait for an answer, seconds.")

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends the browser back to."""
        return f"{self.public_url.rstrip('/')}/app/login"

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if self.issuer.startswith("http://") and urlsplit(self.issuer).hostname not in _LOOPBACK:
            message = "expected https://; http:// is possible on this machine only"
            raise ConflictingSettingsError([Conflict(("issuer",), message)])
        return self
