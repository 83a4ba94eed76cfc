"""To whom a new order goes."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.people import AssuranceSettings, PeopleFile
from config.server import Announced
from config.work_orders import ServiceHours
from server.people.assurance import is_assured, raised
from server.people.directory import Directory
from server.workorders.routing import Care, Route, Why, route

PEOPLE = PeopleFile.model_validate(
    {
        "persons": {
            "wang": {"name": "Wang", "trades": ["heating"]},
            "sun": {"name": "Sun"},
            "builder": {"name": "Builder", "role": "contractor"},
            "lifts": {"name": "Lifts", "role": "contractor", "trades": ["lift"]},
        },
        "rosters": {
            "house": {
                "name": "House",
                "shifts": [{"start": "08:00", "end": "08:00", "persons": ["wang", "sun"]}],
            }
        },
    }
)
CARE = Care(
    "2026-12-31",
    "builder",
    "lifts",
    "2026-01-01",
    "2027-12-31",
    ServiceHours.model_validate({"shifts": [{"days": [], "start": "08:00", "end": "18:00"}]}),
)


def at(text: str) -> int:
    zone = ZoneInfo("Asia/Shanghai")
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def routed(care: Care, when: str, trade: str = "lift", **more: Any) -> Route | None:
    options = {"load": {}, "to_duty": True} | more
    return route(care, Directory(PEOPLE), site="a", trade=trade, at=at(when), **options)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-12-31 23:59", ("builder", Why.WARRANTY)),
        ("2027-01-01 09:00", ("lifts", Why.CONTRACT)),
        ("2027-01-01 07:59", ("sun", Why.DUTY)),  # the contractor does not come at night
        ("2028-01-01 09:00", ("sun", Why.DUTY)),
    ],
)
def test_warranty_goes_before_contract_before_duty(when: str, expected: tuple[str, Why]) -> None:
    assert routed(CARE, when) == Route(*expected)


def test_who_has_the_fewest_of_the_trade_gets_it() -> None:
    assert routed(Care(), "2027-01-01 09:00", "heating", load={"wang": 3}) == ("sun", Why.DUTY)
    assert routed(Care(), "2027-01-01 09:00", "heating", load={"sun": 1}) == ("wang", Why.DUTY)
    assert routed(Care(), "2027-01-01 09:00", to_duty=False) is None


def test_a_builder_who_is_in_no_record_any_more_gets_nothing() -> None:
    assert routed(Care("2030-01-01", "gone"), "2027-01-01 09:00", to_duty=False) is None


def test_an_assurance_period_holds_on_its_days_and_raises_by_one() -> None:
    period = AssuranceSettings.model_validate(
        {"name": "x", "sites": ["a"], "first": "2027-02-05", "last": "2027-02-13"}
    )
    assert is_assured(period, "a", at("2027-02-05 00:00"))
    assert is_assured(period, "a", at("2027-02-13 23:59"))
    assert not is_assured(period, "a", at("2027-02-14 00:00"))
    assert not is_assured(period, "b", at("2027-02-05 12:00"))
    found = [raised(one) for one in ("low", "medium", "high", "urgent")]
    assert found == ["medium", "high", "urgent", "urgent"]


@pytest.mark.parametrize(
    ("trades", "site", "told"),
    [
        (["heating"], "a", True),
        (["plumbing"], "a", False),
        (["plumbing", "heating"], "a", True),
        (["heating"], "b", False),
        ([], "a", False),
    ],
)
def test_a_receiver_hears_of_its_trades_and_estates_only(
    trades: list[str], site: str, *, told: bool
) -> None:
    supplier = Announced("webhook", "supplier", ("high",), ("heating",), ("a",))  # type: ignore[arg-type]
    assert supplier.is_told(severity="high", trades=trades, site=site) is told
    assert not supplier.is_told(severity="low", trades=["heating"], site="a")
    anybody = Announced("webhook", "all", ("high",))
    assert anybody.is_told(severity="high", trades=trades, site=site)
