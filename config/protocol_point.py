"""What the points of protocols without registers share; registers have more of everything."""

from abc import abstractmethod
from typing import ClassVar, Self

from pydantic import Field, model_validator

from config.base import Words
from config.coding import STATES, DataType
from config.reporting import Reporting


class ProtocolPoint(Reporting):
    """A value that is placed by something else than a table and an address.

    Attributes:
        TAG: The key that places it, and tells its kind.
    """

    TAG: ClassVar[str]
    clear_on_read: ClassVar[bool] = False
    offset: ClassVar[float] = 0.0
    scale_from: ClassVar[str | None] = None
    decimals_from: ClassVar[str | None] = None
    otherwise: ClassVar[str | None] = None
    enum_from: ClassVar[str | None] = None

    period_s: float | None = Field(
        default=None, gt=0, le=86400, description="Scan class, seconds; default: the device's."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        problem = self.problem() or self.wrong_reporting(state=self.is_state)
        if problem:
            raise ValueError(problem)
        return self

    @abstractmethod
    def problem(self) -> str:
        """Return what contradicts itself in its place and coding; empty when nothing does."""

    @property
    @abstractmethod
    def type(self) -> DataType:
        """What it is, in the words of register points."""

    @property
    @abstractmethod
    def where(self) -> str:
        """Its place, as people say it."""

    @property
    def commanded_words(self) -> tuple[str, ...]:
        """The words that it may be commanded to be; none: it has no words."""
        return ()

    @property
    def is_state(self) -> bool:
        """Whether the value is a state or a text, not a number on a scale."""
        return self.type in STATES


class UncodedPoint(ProtocolPoint):
    """A value whose coding the protocol knows: nothing of it is said in the file."""

    enum: ClassVar[dict[int, str] | None] = None
    state_words: ClassVar[dict[str, Words] | None] = None
    ratio_from: ClassVar[tuple[str, ...]] = ()
    factors: ClassVar[tuple[str, ...]] = ()
    has_sign: ClassVar[bool] = False
    wraps_at: ClassVar[float | None] = None
    """Where a total starts again from 0: not known, or it does not."""
