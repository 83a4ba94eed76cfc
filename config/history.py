"""Where the time series are kept: the section ``history`` of the server file."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.base import Conflict, ConflictingSettingsError, Identifier, Settings


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


class VictoriaBackend(Settings):
    """A single-node VictoriaMetrics; see docs/history.md."""

    kind: Literal["victoriametrics"] = Field(description="A VictoriaMetrics of one node.")
    url: str = Field(
        pattern=r"^https?://[^/?#@]+/?$",
        description="http://HOST:PORT or https://HOST:PORT of the server.",
    )
    token_file: Path | None = Field(
        default=None,
        description="File with user:password or with a bearer token, readable by its owner only; "
        "relative to the server file. None when the server asks for none.",
    )
    timeout_s: float = Field(
        default=10, gt=0, le=60, description="Wait for an answer of the server, seconds."
    )
    snapshot_interval_s: float = Field(
        default=0.5,
        ge=0,
        le=30,
        description="Least time from one snapshot to the next, seconds; readings are acknowledged "
        "after the snapshot that makes them durable.",
    )


HistoryBackend = Annotated[
    EmbeddedBackend | InfluxBackend | VictoriaBackend, Field(discriminator="kind")
]


class KeepSettings(Settings):
    """What is deleted before ``retention_days``, day by day."""

    classes: dict[Identifier, Annotated[int, Field(ge=1)]] = Field(
        default={}, description="Days for the points of an equipment class, by its name."
    )
    not_good_days: int | None = Field(
        default=None, ge=1, description="Days for readings whose quality is stale or bad."
    )


class HistorySettings(Settings):
    """The time series."""

    backend: HistoryBackend = Field(
        default=EmbeddedBackend(), description="Store: embedded, influxdb or victoriametrics."
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
    keep: KeepSettings = Field(
        default=KeepSettings(),
        description="What is kept for less than retention_days; with the embedded store only.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        days: dict[tuple[str, ...], int] = {
            ("keep", "classes", name): number for name, number in self.keep.classes.items()
        }
        if self.keep.not_good_days is not None:
            days["keep", "not_good_days"] = self.keep.not_good_days
        conflicts = [
            Conflict(path, f"expected retention_days ({self.retention_days}) or less, got {number}")
            for path, number in days.items()
            if number > self.retention_days
        ]
        if days and not isinstance(self.backend, EmbeddedBackend):
            message = f"only the embedded store can do that, not {self.backend.kind}"
            conflicts.append(Conflict(("keep",), message))
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self
