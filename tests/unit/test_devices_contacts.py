"""Lifts and doors that only have contacts: what their device files make of them in time."""

from collections.abc import Mapping

import pytest

from config.load import load_profiles
from edge_agent.polling.computed import deriver_of_points
from protocols.reading import Quality, Reading, Value

PROFILES = load_profiles()


class Watched:
    """A device of contacts that is read each second.

    Attributes:
        now_s: Time of the next reading, seconds.
    """

    def __init__(self, profile: str) -> None:
        file = PROFILES[profile]
        names = [*file.points, *file.computed]
        _, self._deriver = deriver_of_points(names, file.points, file.computed, timers={})
        self._contacts: dict[str, Value] = dict.fromkeys(file.points, False)
        self.now_s = 0

    def during(self, seconds: int, **contacts: bool) -> list[Mapping[str, Value]]:
        """Hold the contacts so for some seconds; return what each second showed."""
        self._contacts |= contacts
        shown: list[Mapping[str, Value]] = []
        for _ in range(seconds):
            readings = [
                Reading(name, value, Quality.GOOD, 1000 * self.now_s)
                for name, value in self._contacts.items()
            ]
            made = self._deriver.take(readings, self.now_s)
            shown.append({reading.point: reading.value for reading in made})
            self.now_s += 1
        return shown

    def first(self, name: str, seconds: int, **contacts: bool) -> int | None:
        """Return after how many of these seconds the point is true first; None: never."""
        shown = self.during(seconds, **contacts)
        return next((at for at, one in enumerate(shown) if one[name] is True), None)


def lift() -> Watched:
    """A lift that runs with its doors closed and nobody in it."""
    one = Watched("contacts-lift")
    one.during(5, running=True, mains=True)
    return one


def test_a_passenger_in_a_lift_that_stands_between_floors_is_trapped_after_20_s() -> None:
    one = lift()
    assert one.first("trapped", 60, running=False, passenger=True) == 20
    assert one.during(3, running=True)[-1]["trapped"] is False


def test_a_passenger_at_a_landing_is_trapped_while_the_door_does_not_open() -> None:
    assert lift().first("trapped", 60, running=False, passenger=True, door_zone=True) == 20
    one = lift()
    one.during(10, running=False, passenger=True, door_zone=True)
    assert one.first("trapped", 60, door_open=True) is None


def test_nobody_is_trapped_in_an_empty_lift_or_by_the_mechanic() -> None:
    assert lift().first("trapped", 120, running=False) is None
    assert lift().first("trapped", 120, running=False, passenger=True, inspection=True) is None


@pytest.mark.parametrize(
    ("name", "seconds", "contacts"),
    [
        ("outside_zone", 45, {"running": False}),
        ("door_open_running", 50, {"door_open": True}),
        ("door_open_standing", 60, {"running": False, "door_open": True, "door_zone": True}),
    ],
)
def test_a_lift_in_a_wrong_state_is_told_after_its_time(
    name: str, seconds: int, contacts: Mapping[str, bool]
) -> None:
    assert lift().first(name, 120, **contacts) == seconds


def door(profile: str = "contacts-door") -> Watched:
    """A door that has been closed for a while."""
    one = Watched(profile)
    one.during(30, mains=True)
    return one


@pytest.mark.parametrize("profile", ["contacts-door", "osdp-door"])
def test_a_door_that_opens_by_itself_is_forced_at_once_and_for_ten_seconds(profile: str) -> None:
    shown = [one["forced"] for one in door(profile).during(60, door_open=True)]
    assert shown == [True] * 10 + [False] * 50


@pytest.mark.parametrize(
    ("profile", "how"),
    [
        *(("contacts-door", how) for how in ("exit_request", "released", "fire_release", "unlock")),
        *(("osdp-door", how) for how in ("exit_request", "unlock")),
    ],
)
def test_a_door_that_opens_for_somebody_is_not_forced_however_long_it_is_open(
    profile: str, how: str
) -> None:
    for pause in (0, 3, 5):
        one = door(profile)
        one.during(1, **{how: True})
        one.during(pause, **{how: False})
        assert one.first("forced", 120, **{how: False, "door_open": True}) is None


def test_a_door_that_opens_long_after_the_button_is_forced() -> None:
    one = door()
    one.during(2, exit_request=True)
    one.during(8, exit_request=False)
    assert one.first("forced", 60, door_open=True) is not None


@pytest.mark.parametrize("profile", ["contacts-door", "osdp-door"])
def test_a_door_is_held_open_after_30_s(profile: str) -> None:
    one = door(profile)
    one.during(1, exit_request=True)
    assert one.first("held_open", 60, exit_request=False, door_open=True) == 30
    assert one.during(1, door_open=False)[-1]["held_open"] is False
