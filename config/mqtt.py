"""How to reach the broker; the same for the agent and the server."""

from pathlib import Path

from pydantic import Field

from config.base import Settings


class TlsSettings(Settings):
    """Transport encryption."""

    ca_file: Path | None = Field(
        default=None, description="CA certificates; default: the system's."
    )
    cert_file: Path | None = Field(default=None, description="Client certificate.")
    key_file: Path | None = Field(default=None, description="Key of the client certificate.")


class MqttSettings(Settings):
    """An MQTT 3.1.1 broker."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Host name or address.")
    port: int = Field(default=1883, ge=1, le=65535, description="TCP port.")
    username: str | None = Field(default=None, description="User; absent: anonymous.")
    password_file: Path | None = Field(
        default=None, description="File with the password; relative to the configuration file."
    )
    client_id: str | None = Field(default=None, description="Client id; default: from the names.")
    keepalive_s: int = Field(default=30, ge=5, le=3600, description="Keep-alive, seconds.")
    tls: TlsSettings | None = Field(default=None, description="Absent: no encryption.")
