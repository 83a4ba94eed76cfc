"""The printed story tells each event of the chain in one line, and nothing that is no news."""

from typing import Any

import pytest

from plantroom.story import sentence

AT = 1_795_000_000_000
PUMP = {"equipment_key": "estate/gw/pump", "severity": "urgent"}


def told(kind: str, **payload: Any) -> str:
    """The line without its clock."""
    line = sentence({"kind": kind, "at": AT, "payload": payload})
    return line[10:]


STORY = [
    ("alarm.raised", {**PUMP, "id": 7, "name_en": "Fault"}, "◆ alarm #7 raised: Fault"),
    (
        "incident.opened",
        {**PUMP, "id": 3, "title_en": "Pump: Fault"},
        "◆ incident #3 opened: Pump: Fault",
    ),
    ("work-order.opened", {**PUMP, "id": 5, "title_en": "Pump: Fault"}, "  work order #5 opened"),
    (
        "incident.escalated",
        {
            "id": 3,
            "step": {"number": 1, "who": ["on_duty", "contractor"]},
            "notified": ["Wang Wei"],
        },
        "  incident #3 step 1 (on duty and contractor) calls Wang Wei",
    ),
    (
        "incident.escalated",
        {"id": 3, "step": {"number": 2, "who": ["leader"]}, "notified": ["Li Min"]},
        "  incident #3 step 2 (leader) calls Li Min",
    ),
    (
        "incident.escalated",
        {"id": 3, "step": {"number": 3, "who": ["manager"]}, "notified": []},
        "  incident #3 step 3 (manager) reaches nobody",
    ),
    (
        "incident.acknowledged",
        {"id": 3, "acknowledged_by": "wang"},
        "  incident #3 taken by wang, no more calls",
    ),
    (
        "incident.acknowledgement_timed_out",
        {"id": 3},
        "  incident #3 acknowledged, but nobody moved: calling on",
    ),
    ("message.sent", {"id": 9, "receiver": "Li Min"}, "  message #9 sent to Li Min"),
    (
        "equipment.offline",
        {"key": "estate/gw/pump", "name_en": "Pump 1"},
        "  equipment offline: Pump 1  [estate/gw/pump]",
    ),
]


@pytest.mark.parametrize(("kind", "payload", "line"), STORY, ids=[one[2] for one in STORY])
def test_an_event_is_a_line_for_people(kind: str, payload: dict[str, Any], line: str) -> None:
    assert told(kind, **payload).startswith(line)


def test_what_is_no_news_is_no_line() -> None:
    assert sentence({"kind": "incident.updated", "at": AT, "payload": {"id": 3}}) == ""
    assert sentence({"kind": "roster.saved", "at": AT, "payload": {"key": "house"}}) == ""


def test_a_line_begins_with_the_time_of_the_event() -> None:
    as_number = sentence({"kind": "message.sent", "at": AT, "payload": {"id": 9}})
    as_text = sentence({"kind": "message.sent", "at": "2026-11-18T11:06:40Z", "payload": {"id": 9}})
    assert as_number[:8] == as_text[:8]
    assert as_number[2] == as_number[5] == ":"
