"""How a block is asked so that no late answer can be taken for its own (ADR-26)."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Final

from edge_agent.clock import Clock
from edge_agent.drivers.base import Driver, UnitAddress
from edge_agent.drivers.question import Question, Questions
from edge_agent.polling.device import PolledDevice
from edge_agent.polling.scan_class import Job

OUTSTANDING: Final = "answer_outstanding"
"""Why a point was not read: a late answer to another request could be taken for its own."""

_NO_JOB: Final = -1  # address of a job: none may repeat
_LET_IN_S: Final = 5.0  # after the wait is over; whoever waited has been asked by then


class Shapes:
    """Chooses requests whose answers cannot be mistaken; of one port.

    Args:
        driver: Knows what is outstanding.
        devices: The devices on the port, by id.
        clock: Time.
    """

    def __init__(self, driver: Driver, devices: Mapping[str, PolledDevice], clock: Clock) -> None:
        self._driver = driver
        self._devices = devices
        self._clock = clock
        self._withheld: dict[tuple[UnitAddress, Hashable], tuple[int | str, float]] = {}

    def clear_at(self, job: Job) -> float:
        """When this may be asked, in one way or another; monotonic seconds."""
        unit, block = job.scan.unit.number, job.block
        if job.probe and not job.piece:
            return self._driver.ask_at(unit, block)
        return 0.0 if self.choose(job) is not None else self._waits_until(unit, block)

    def choose(self, job: Job) -> Questions | None:
        """Return what to ask now for this job; None if it must wait."""
        device = self._devices[job.scan.device]
        if job.probe and not job.piece:
            return (job.block,)
        return self._choose(device, job.block, cut_only=job.piece)

    def single_clear_at(self, device: PolledDevice, block: Question) -> float:
        """When a single point may be asked, in one way or another; monotonic seconds."""
        if self._choose(device, block, cut_only=False) is not None:
            return 0.0
        return self._waits_until(device.unit.number, block)

    def fresh(self, device: PolledDevice, block: Question) -> Question | None:
        """Return the request for a single point that no older answer fits; None: it must wait.

        What a command rests on, and what proves it, must not be older than the command.
        """
        unit = device.unit.number
        if self._is_free(unit, block):
            return block
        wider = device.variants.wider(block, self._clock.monotonic_s())
        return next((one for one in wider if self._is_free(unit, one)), None)

    def fresh_at(self, device: PolledDevice, block: Question) -> float:
        """When ``fresh`` has a request; monotonic seconds, in the past if that is now."""
        if self.fresh(device, block) is not None:
            return 0.0
        return self._driver.ask_afresh_at(device.unit.number, block)

    def reserve(self, device: PolledDevice, block: Question) -> None:
        """Reserve this read for a command: no request that would prolong its wait is sent."""
        until_s = self._driver.ask_afresh_at(device.unit.number, block)
        if until_s > self._clock.monotonic_s():
            key = device.unit.number, block.shape
            self._withheld[key] = (_NO_JOB, until_s + _LET_IN_S)

    def withhold(self, job: Job) -> None:
        """Record that a job was not sent in time: what it waits for is not asked before it."""
        block, unit = job.block, job.scan.unit.number
        until_s = self._driver.ask_at(unit, block) + _LET_IN_S
        now_s = self._clock.monotonic_s()
        kept = {key: one for key, one in self._withheld.items() if one[1] > now_s}
        self._withheld = kept
        kept.setdefault((unit, block.shape), (block.address, until_s))

    def _choose(self, device: PolledDevice, block: Question, *, cut_only: bool) -> Questions | None:
        unit = device.unit.number
        if self._is_free(unit, block):
            return (block,)
        ways = list(self._ways(device, block, cut_only=cut_only))
        for way in ways:
            if all(self._is_free(unit, one) for one in way):
                return way
        # An older answer is of the same registers; no other is asked for less than that.
        for way in [(block,), *ways]:
            if all(self._may_repeat(unit, one) for one in way):
                return way
        return None

    def _ways(
        self, device: PolledDevice, block: Question, *, cut_only: bool
    ) -> Iterator[Questions]:
        yield from device.variants.cuts(block)
        if not cut_only:
            now_s = self._clock.monotonic_s()
            yield from ((wide,) for wide in device.variants.wider(block, now_s))

    def _is_free(self, unit: UnitAddress, block: Question) -> bool:
        fresh_at_s = self._driver.ask_afresh_at(unit, block)
        return not fresh_at_s or fresh_at_s <= self._clock.monotonic_s()

    def _may_repeat(self, unit: UnitAddress, block: Question) -> bool:
        return self._waits_until(unit, block) <= self._clock.monotonic_s()

    def _waits_until(self, unit: UnitAddress, block: Question) -> float:
        address, until_s = self._withheld.get((unit, block.shape), (0, 0.0))
        clear_s = self._driver.ask_at(unit, block)
        return clear_s if address == block.address else max(clear_s, until_s)
