"""The page of plantroom agent watch."""

from copy import deepcopy
from typing import Any

import pytest

from edge_agent.commissioning.view import page, span

NOW = 1_795_000_000_000

STATUS: dict[str, Any] = {
    "site": "green",
    "gateway": "gw",
    "at": NOW,
    "uptime_s": 100.0,
    "uplink": {
        "online": True,
        "link": "online",
        "why": "",
        "problem": "",
        "published": 50,
        "acknowledged": 49,
        "resent": 0,
        "queued_bytes": 0,
    },
    "journal": {
        "rows": 3,
        "disk_bytes": 1_500_000,
        "dropped_rows": 0,
        "oldest_at": NOW - 65_000,
        "writable": True,
        "commits": 9,
    },
    "ports": {
        "line": {
            "up": True,
            "since": NOW - 90_000,
            "reason": "",
            "requests": 200.0,
            "replies": 190.0,
            "response_s": 9.5,
            "busy_s": 40.0,
            "offline_s": 1.0,
            "skipped_cycles": 2.0,
            "errors": {"timeout": 10.0},
            "devices": [
                {
                    "id": "m1",
                    "unit": 3,
                    "profile": "x",
                    "up": False,
                    "since": NOW - 7_200_000,
                    "reason": "timeout",
                    "state": "offline",
                    "response_ms": None,
                    "failures": 4,
                    "points": 12,
                }
            ],
        }
    },
    "values": [
        {
            "device": "m1",
            "point": f"v{index}",
            "value": value,
            "unit": "V",
            "quality": quality,
            "reason": reason,
            "at": NOW - 1000,
        }
        for index, (value, quality, reason) in enumerate(
            [(229.53125, "good", ""), (None, "stale", "timeout"), ("x" * 40, "good", "")]
        )
    ],
}


def shown(now: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    return "\n".join(page(now, before, values=None))


def test_figures_without_an_earlier_page_are_of_the_time_since_the_start() -> None:
    text = shown(STATUS)
    line = next(one for one in text.splitlines() if one.startswith("line"))
    assert line.split() == ["line", "up", "40%", "1.0%", "2.0", "50.0", "2", "timeout", "10"]
    assert "journal 3 messages, 1.5 MB, oldest 1 min 05 s" in text
    assert "broker  online, 50 published" in text


def test_figures_of_a_second_page_are_of_the_time_between() -> None:
    now = deepcopy(STATUS)
    now["uptime_s"] = 110.0
    now["ports"]["line"] |= {"busy_s": 48.0, "requests": 250.0, "replies": 240.0, "response_s": 10}
    line = next(one for one in shown(now, STATUS).splitlines() if one.startswith("line"))
    assert line.split()[2:6] == ["80%", "0.0%", "5.0", "10.0"]


def test_an_agent_that_was_started_again_is_no_negative_load() -> None:
    fresh = deepcopy(STATUS)
    fresh["uptime_s"] = 1.0
    fresh["ports"]["line"] |= {"busy_s": 0.5, "requests": 1.0, "replies": 0.0, "response_s": 0.0}
    line = next(one for one in shown(fresh, STATUS).splitlines() if one.startswith("line"))
    assert line.split()[2:6] == ["50%", "100.0%", "1.0", "-"]


def test_what_is_wrong_stands_out() -> None:
    bad = deepcopy(STATUS)
    bad["uplink"] |= {"online": False, "link": "broker_away", "why": "refused"}
    bad["journal"] |= {"writable": False, "dropped_rows": 7, "oldest_at": None}
    bad["ports"]["line"] |= {"up": False, "reason": "port_down"}
    text = shown(bad)
    for word in ("OFFLINE", "NOT WRITABLE", "7 DROPPED", "DOWN: port_down", "DOWN: timeout"):
        assert word in text


def test_values_have_quality_reason_and_age_and_long_texts_are_clipped() -> None:
    lines = shown(STATUS).splitlines()
    assert next(one for one in lines if " v0 " in one).split() == [
        *("m1", "v0", "229.5312", "V", "good", "1", "s"),
    ]
    assert "stale: timeout" in next(one for one in lines if " v1 " in one)
    assert "x" * 23 + "…" in next(one for one in lines if " v2 " in one)


def test_values_that_do_not_fit_are_counted() -> None:
    lines = page(STATUS, None, values=1)
    assert lines[-1] == "... 2 more; --device shows those of one"
    assert sum(line.startswith("m1  ") for line in lines) == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (59.4, "59 s"), (61, "1 min 01 s"), (3661, "1 h 01 min"), (90000, "1 d 1 h")],
)
def test_times_are_reported_in_units_that_people_read(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize("up", [None, False])
def test_an_open_port_on_which_nobody_answers_is_not_called_unasked(up: object) -> None:
    status = deepcopy(STATUS)
    status["ports"]["line"] |= {"up": up, "open": True, "reason": "port_down"}
    text = "\n".join(page(status, None, values=0))
    assert "open, nobody answers" in text
    assert "not asked yet" not in text


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("broker_away", "OFFLINE (ConnectionRefusedError)"),
        ("waits_for_clock", "connected, WAITS until the machine's clock is right"),
        ("waits_for_host", "connected, WAITS for the primary host"),
    ],
)
def test_why_nothing_goes_up_is_logged(link: str, expected: str) -> None:
    now = deepcopy(STATUS)
    now["uplink"] |= {"online": False, "link": link, "why": "ConnectionRefusedError"}
    assert expected in shown(now)


def test_a_problem_is_shown_with_its_probable_cause() -> None:
    now = deepcopy(STATUS)
    now["uplink"]["problem"] = "nothing is acknowledged: the broker's ACL"
    assert "ATTENTION: nothing is acknowledged: the broker's ACL" in shown(now)


def test_linkages_say_what_they_did_and_why_they_are_blind() -> None:
    status = deepcopy(STATUS)
    assert not any("linkage" in line for line in page(status, None, values=None))
    linkage: dict[str, Any] = {
        "id": "riser-a",
        "armed": True,
        "state": "done",
        "latched": True,
        "condition": True,
        "why_unknown": "",
        "runs": 2,
        "last_run": NOW - 65_000,
        "results": ["valve-1.command = False done"],
    }
    blind = linkage | {"id": "riser-b", "armed": False, "state": "ready", "latched": False}
    blind |= {"condition": None, "why_unknown": "timeout of leak-1.leak", "last_run": None}
    status["linkages"] = [linkage, blind]
    lines = page(status, None, values=None)
    done = next(line for line in lines if line.startswith("riser-a"))
    assert "yes" in done
    assert "done, waits for a reset" in done
    assert "1 min 05 s ago" in done
    assert done.endswith("valve-1.command = False done")
    unknown = next(line for line in lines if line.startswith("riser-b"))
    assert "NO" in unknown
    assert "timeout of leak-1.leak" in unknown
    assert "never" in unknown
