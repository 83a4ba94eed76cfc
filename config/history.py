"""Where the time series are kept: the section ``history`` of the server file."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.base import Settings


class EmbeddedBackend(Settings):
    """DuckDB for the day and a Parquet file for each past day, in ``history.path``."""

    kind: Literal["embedded"] = Field(default="embedded", description="Files of this machine.")


class InfluxBackend(Settings):
    """An InfluxDB server; see docs/history.md."""

    kind: Literal["influxdb"] = Field(description="An InfluxDB of 1.8, 2.x or 3.x.")
    url: str = Field(
        pattern=r"^https?://[^/?#@]+/?$",
        description="http://HOST:PORT or https://HOST:PORT of the server.",
    )
    token_file: Path | None = Field(
        default=None,
        description="File with the token (1.x: user:password), readable by its owner only; "
        "relative to the server file. None when the server asks for none.",
    )
    organisation: str = Field(
        default="plantroom", min_length=1, description="Organisation; 1.x and 3.x ignore it."
    )
    bucket: str = Field(
        default="plantroom",
        pattern=r"^[^\"'\\\n]+$",
        description="Bucket that holds nothing else; 1.x: the database, or DATABASE/POLICY.",
    )
    timeout_s: float = Field(
        default=10, gt=0, le=60, description="Wait for an answer of the server, seconds."
    )


HistoryBackend = Annotated[EmbeddedBackend | InfluxBackend, Field(discriminator="kind")]


class HistorySettings(Settings):
    """The time series."""

    backend: HistoryBackend = Field(
        default=EmbeddedBackend(), description="Store: embedded or influxdb."
    )
    path: Path = Field(
        default=Path("history"), description="Folder of the embedded store; relative to data_dir."
    )
    memory_limit_mb: int = Field(
        default=256, ge=64, description="Memory DuckDB may use, megabytes."
    )
    flush_interval_s: float = Field(
        default=0.1, ge=0.01, le=5, description="Longest wait of a reading for its batch, seconds."
    )
    retention_days: int = Field(
        default=1825, ge=1, description="Days kept; older days are deleted."
    )
