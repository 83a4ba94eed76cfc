"""How alarms are handled: shelving, common causes, floods."""

from pydantic import AliasChoices, Field

from config.base import Settings


class ShelveSettings(Settings):
    """How long an alarm may be shelved, by its severity; alarms of life safety never are."""

    urgent_hours: float = Field(default=1, gt=0, le=8760, description="Longest, hours.")
    high_hours: float = Field(default=8, gt=0, le=8760, description="Longest, hours.")
    medium_hours: float = Field(default=24, gt=0, le=8760, description="Longest, hours.")
    low_hours: float = Field(default=168, gt=0, le=8760, description="Longest, hours.")

    def longest_ms(self, severity: str) -> int:
        """Return the longest shelf of a severity."""
        return round(getattr(self, f"{severity}_hours") * 3_600_000)


class AlarmSettings(Settings):
    """Handling of alarms."""

    shelve: ShelveSettings = Field(default=ShelveSettings(), description="Longest shelves.")
    out_of_service_days: float = Field(
        default=90, gt=0, le=3650, description="Longest time out of service, days."
    )
    suppression_delay_s: float = Field(
        default=10,
        validation_alias=AliasChoices("suppression_delay_s", "settle_s"),
        ge=0,
        le=3600,
        description="So long an alarm of a lost connection waits for the outage that explains it, "
        "seconds.",
    )
    recover_s: float = Field(
        default=60,
        ge=0,
        le=3600,
        description="So long after an outage what it explained is announced if still bad, seconds.",
    )
    catch_up_s: float = Field(
        default=30,
        ge=0,
        le=3600,
        description="After a start, or when the broker was away, a delay that ran before waits at "
        "most so long for what its gateway says of the time between, seconds.",
    )
    late_after_s: float = Field(
        default=5,
        gt=0,
        le=3600,
        description="When a reading waits longer for its evaluation, or a due message for being "
        "looked at, /readyz fails and says so, seconds.",
    )
    flood_starts: int = Field(
        default=10, ge=1, description="More new alarms of a site than this in 10 minutes: flood."
    )
    flood_ends: int = Field(
        default=5, ge=1, description="Fewer than this in 10 minutes: the flood is over."
    )
    digest_s: float = Field(
        default=60, gt=0, le=600, description="The digest leaves so long into a flood, seconds."
    )
    operators: int = Field(
        default=1, ge=1, description="People who watch alarms at a time; for the figures."
    )
