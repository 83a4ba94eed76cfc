"""Reads the points of a device file once, whatever the protocol, as the agent would."""

from collections.abc import Collection, Mapping
from typing import Final

from config.computed import Computed
from config.point_kinds import AnyPoint
from edge_agent.commissioning.explain import in_words
from edge_agent.drivers.base import Driver, UnitAddress
from edge_agent.drivers.question import ALL_AVAILABLE, Planner, Question, Questions
from edge_agent.drivers.values import bad_readings
from edge_agent.errors import DeviceRefusedError
from edge_agent.polling.computed import Timers, deriver_of_points
from protocols.reading import Quality, Reading

SPLIT_CODES: Final = frozenset({2, 3})
"""Those of registers: what was asked for, and how much; not of the device."""
ONE_PERIOD_S: Final = 1.0


def at_one_period(points: Mapping[str, AnyPoint]) -> dict[str, AnyPoint]:
    """Return the points, to be read together whatever their periods."""
    return {name: one.model_copy(update={"period_s": None}) for name, one in points.items()}


class PointReader:
    """One device on an open connection.

    Args:
        driver: The connection.
        unit: Address of the device.
        planner: Of its points, all at one period.
        timeout_s: Longest wait for an answer beside its bytes, seconds.
        split_codes: Refusals that speak of what was asked: it is asked in pieces.
    """

    def __init__(
        self,
        driver: Driver,
        unit: UnitAddress,
        planner: Planner,
        *,
        timeout_s: float,
        split_codes: Collection[int] = SPLIT_CODES,
    ) -> None:
        self._driver = driver
        self._unit = unit
        self._planner = planner
        self._timeout_s = timeout_s
        self._split_codes = split_codes

    async def read(
        self,
        points: Mapping[str, AnyPoint],
        *,
        computed: Mapping[str, Computed] | None = None,
        split: bool = True,
        timers: Timers | None = None,
    ) -> dict[str, Reading]:
        """Return the readings in the file's order, what is computed from them last.

        Without ``split`` a refused request is not asked in pieces: all of its points are bad.

        ``timers`` keeps what computed points know of time from one reading to the next.

        Raises:
            DriverError: The device does not answer, or the port is lost.
        """
        wanted = [*points, *(computed or {})]
        _, deriver = deriver_of_points(
            wanted, points, computed or {}, timers={} if timers is None else timers
        )
        pending = list(self._planner.plan(ONE_PERIOD_S, ALL_AVAILABLE))
        readings: dict[str, Reading] = {}
        while pending:
            question = pending.pop(0)
            pieces, got = await self._ask(question, points, split=split)
            pending[:0] = pieces
            readings |= {one.point: one for one in deriver.take(got)}
        readings |= {one.point: one for one in deriver.end()}
        return {name: readings[name] for name in wanted if name in readings}

    async def _ask(
        self, question: Question, points: Mapping[str, AnyPoint], *, split: bool
    ) -> tuple[Questions, list[Reading]]:
        timeout_s = self._timeout_s + self._planner.wire_s(question)
        try:
            reply = await self._driver.ask(self._unit, question, timeout_s=timeout_s)
        except DeviceRefusedError as error:
            asked_apart = split and error.code in self._split_codes
            pieces = question.halves(points) if asked_apart else ()
            if pieces:
                return pieces, []
            return (), bad_readings(question.points, Quality.BAD, 0, in_words(error))
        return (), self._planner.reader(question)(reply.values, reply.at_ms)
