"""A simulation's clock that stands still until it is told to go on."""

from tests.fakes.agent_clock import FakeClock


class PlantClock(FakeClock):
    """The same clock, telling UTC seconds as simulators want them."""

    def now_s(self) -> float:
        return self.utc_ms / 1000
