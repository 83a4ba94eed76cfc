"""How to reach the broker; the same for the agent and the server."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from config.base import Host, Settings


class TlsSettings(Settings):
    """Transport encryption."""

    ca_file: Path | None = Field(
        default=None,
        description="CA certificates, PEM; default: the system's; relative to this file.",
    )
    cert_file: Path | None = Field(
        default=None, description="Client certificate, PEM; relative to this file."
    )
    key_file: Path | None = Field(
        default=None,
        description="Key of the client certificate, PEM; relative to this file.",
    )

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            missing = "cert_file" if self.cert_file is None else "key_file"
            message = f"{missing} is missing; cert_file and key_file belong together"
            raise ValueError(message)
        return self


class MqttSettings(Settings):
    """An MQTT 3.1.1 broker."""

    host: Host = Field(default="127.0.0.1", description="Host name or address.")
    port: int = Field(default=1883, ge=1, le=65535, description="TCP port.")
    username: str | None = Field(default=None, description="User; absent: anonymous.")
    password_file: Path | None = Field(
        default=None, description="File with the password; relative to this file."
    )
    client_id: str | None = Field(default=None, description="Client id; default: from the names.")
    keepalive_s: int = Field(default=30, ge=5, le=3600, description="Keep-alive, seconds.")
    tls: TlsSettings | None = Field(
        default=None, description="Encryption; absent: none. `tls: {}` is enough for a public CA."
    )

    @model_validator(mode="after")
    def _password_with_user(self) -> Self:
        if self.password_file is not None and self.username is None:
            message = "password_file needs a username"
            raise ValueError(message)
        return self
