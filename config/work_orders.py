"""How work orders are handled."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from config.base import (
    ClockTime,
    Conflict,
    ConflictingSettingsError,
    Identifier,
    Settings,
)
from config.classes import Trade
from config.people import SHANGHAI, Day, TimeZone


class ServiceShift(Settings):
    """Hours of service on some days."""

    days: tuple[Day, ...] = Field(
        default=("workday",),
        description="Days on which it begins; workday and day_off follow the public calendar with "
        "its make-up workdays; none: every day.",
    )
    start: ClockTime = Field(description="Begin, local time HH:MM.")
    end: ClockTime = Field(
        description="End, local time HH:MM; not after the begin: on the next day."
    )


class ServiceHours(Settings):
    """When the clock of an order runs that is not for every hour of the day."""

    time_zone: TimeZone = Field(
        default=SHANGHAI, description="Of these hours, and of the months of reports."
    )
    shifts: tuple[ServiceShift, ...] = Field(
        default=(ServiceShift(start="08:30", end="17:30"),),
        min_length=1,
        description="Hours of service.",
    )


class TargetSettings(Settings):
    """By when something is done for an order of one severity; none: by appointment."""

    respond_min: float | None = Field(
        default=None, gt=0, le=525_600, description="Somebody accepts it within so many minutes."
    )
    arrive_min: float | None = Field(
        default=None, gt=0, le=525_600, description="Somebody is on site within so many minutes."
    )
    complete_min: float | None = Field(
        default=None, gt=0, le=525_600, description="It is completed within so many minutes."
    )
    service_hours: bool = Field(
        default=False, description="True: only minutes of the service hours count."
    )


class TargetsOfLevel(Settings):
    """What an order keeps of the presets, whatever becomes of them later."""

    targets: TargetSettings = Field(description="By when what is done.")
    hours: ServiceHours | None = Field(description="When the minutes count; none: always.")


class SlaSettings(Settings):
    """The presets of each severity."""

    urgent: TargetSettings = Field(
        default=TargetSettings(arrive_min=30), description="Urgent repairs (急修)."
    )
    high: TargetSettings = Field(default=TargetSettings(), description="High.")
    medium: TargetSettings = Field(default=TargetSettings(), description="Medium.")
    low: TargetSettings = Field(default=TargetSettings(), description="Low.")
    warn_share: float = Field(
        default=0.75,
        gt=0,
        lt=1,
        description="When this share of the time is used up, the leader hears that it will be "
        "late; at its end the manager does.",
    )
    warn_before_appointment_min: float = Field(
        default=30, ge=1, le=1440, description="The same before an appointment, minutes."
    )


class RoomWarrantySettings(Settings):
    """How long the builder repairs what is wrong in a resident's room, by trade.

    The presets are the least that the law grants (建设工程质量管理条例): two years, for heating two
    seasons of it.
    """

    heating: int = Field(default=24, ge=0, le=1200, description="Heating, months; 0: never.")
    electrical: int = Field(default=24, ge=0, le=1200, description="Electricity, months.")
    plumbing: int = Field(default=24, ge=0, le=1200, description="Water and drains, months.")
    lift: int = Field(default=24, ge=0, le=1200, description="Lifts, months.")
    fire: int = Field(default=24, ge=0, le=1200, description="Fire protection, months.")
    low_voltage: int = Field(default=24, ge=0, le=1200, description="Low voltage, months.")
    building: int = Field(
        default=24,
        ge=0,
        le=1200,
        description="Doors, windows, walls and roofs, months; a roof that is tight for 60 is "
        "written at its rooms.",
    )

    def months(self, trade: str) -> int:
        """Return how long, months from the day on which somebody moved in."""
        months = {
            Trade.HEATING: self.heating,
            Trade.ELECTRICAL: self.electrical,
            Trade.PLUMBING: self.plumbing,
            Trade.LIFT: self.lift,
            Trade.FIRE: self.fire,
            Trade.LOW_VOLTAGE: self.low_voltage,
            Trade.BUILDING: self.building,
        }
        return months[Trade(trade)]


class WorkOrderSettings(Settings):
    """Work orders: their clocks, and what a repeat failure is."""

    repeat_failure_days: float = Field(
        default=7,
        ge=0,
        le=365,
        description="The same cause on the same equipment so soon after it was completed reopens "
        "the order and counts as a repeat failure, days; 0: never.",
    )
    dispatch_to_duty: bool = Field(
        default=False,
        description="True: a new order is dispatched to whoever is on duty for its trade and has "
        "the fewest; false: whoever is called accepts it. In warranty or under contract it is "
        "dispatched to the contractor in any case.",
    )
    room_warranty: RoomWarrantySettings = Field(
        default=RoomWarrantySettings(),
        description="How long a resident's room is in warranty after somebody moved in.",
    )
    service_hours: ServiceHours = Field(
        default=ServiceHours(), description="When the clocks run that keep service hours."
    )
    estate_shifts: dict[Identifier, Annotated[tuple[ServiceShift, ...], Field(min_length=1)]] = (
        Field(
            default={},
            description="Hours of service of estates that have their own, by the estate's key; "
            "the others have those of service_hours.",
        )
    )
    sla: SlaSettings = Field(default=SlaSettings(), description="By when what is done.")

    @property
    def repeat_failure_ms(self) -> int:
        """The same in milliseconds."""
        return round(self.repeat_failure_days * 86_400_000)

    def targets(self, severity: str) -> TargetSettings:
        """Return the preset of a severity."""
        return getattr(self.sla, severity)

    def level(self, severity: str, estate: str | None = None) -> TargetsOfLevel:
        """Return what an order of a severity keeps of the presets.

        Args:
            severity: Of the order.
            estate: Key of the site whose plant or room it is about; None: of any.
        """
        targets = self.targets(severity)
        hours = self.service_hours
        if estate in self.estate_shifts:
            hours = hours.model_copy(update={"shifts": self.estate_shifts[estate]})
        return TargetsOfLevel(targets=targets, hours=hours if targets.service_hours else None)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        conflicts: list[Conflict] = []
        for severity in ("urgent", "high", "medium", "low"):
            targets = self.targets(severity)
            steps = ("respond_min", "arrive_min", "complete_min")
            given = [(name, value) for name in steps if (value := getattr(targets, name))]
            conflicts += [
                Conflict(("sla", severity, later), f"expected {before} ({least:g}) or more")
                for (before, least), (later, value) in pairwise(given)
                if value < least
            ]
        if conflicts:
            raise ConflictingSettingsError(conflicts)
        return self
