"""What messages say, and how they are made to fit."""

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.messages.queue import Outgoing
from server.notifications.cutting import cut, fit, utf8_bytes, utf16_units
from server.notifications.templates import render, template_parameters

FAMILY = "👨\u200d👩\u200d👧"


def message(**changes: Any) -> Outgoing:
    fields: dict[str, Any] = {
        "id": 1,
        "key": "k",
        "channel": "mail",
        "receiver": "li",
        "kind": "incident.opened",
        "severity": "high",
        "incident_id": 7,
        "payload": {
            "incident": {
                "title_zh": "1号供水泵 出口压力低",
                "title_en": "Supply pump 1: pressure low",
                "equipment_key": "garden/gw/pump-1",
                "equipment_name_zh": "1号供水泵",
                "equipment_name_en": "Supply pump 1",
            },
            "alarm": {
                "name_zh": "出口压力低",
                "name_en": "pressure low",
                "onset_value": 0.21,
                "unit": "MPa",
                "active_since": "2026-11-22T15:59:59.999Z",
            },
            "work_order": {"id": 12},
        },
        "created_at": 1_795_000_000_000,
        "attempts": 1,
    }
    return Outgoing(**(fields | changes))


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("水泵故障", 4, "水泵故障"),
        ("水泵故障了", 4, "水泵故…"),
        ("🔥🔥🔥", 6, "🔥🔥🔥"),
        ("🔥🔥🔥", 5, "🔥🔥…"),
        ("🔥🔥🔥", 4, "🔥…"),
        ("e\u0301e\u0301e\u0301", 4, "e\u0301…"),
        (f"ab{FAMILY}", 9, "ab…"),
        ("🇨🇳🇨🇳", 7, "🇨🇳…"),
        ("👍🏽👍🏽", 6, "👍🏽…"),
        ("ab cd", 4, "ab…"),
        ("abc", 0, ""),
        ("", 0, ""),
    ],
)
def test_text_is_cut_between_characters(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


@given(text=st.text(max_size=60), limit=st.integers(1, 40))
def test_a_cut_text_fits_and_begins_like_the_whole(text: str, limit: int) -> None:
    for size in (utf16_units, utf8_bytes):
        short = cut(text, limit, size)
        assert size(short) <= limit
        kept = short.removesuffix("…") if short != text else text
        assert text.startswith(kept)
        rest = text[len(kept) :]
        assert not rest or not kept or short == text or unicodedata.category(rest[0])[0] != "M"


@given(
    lines=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)),
    limit=st.integers(40, 200),
)
def test_the_tail_always_fits_and_lines_are_whole(lines: list[str], limit: int) -> None:
    text = fit("标题", lines, ["link: https://x.example/a/1"], limit=limit)
    assert utf8_bytes(text) <= limit
    assert text.endswith("\nlink: https://x.example/a/1")
    body = text.split("\n")[1:-1]
    assert all(one in lines or one.startswith("… +") for one in body)


def test_an_incident_in_chinese_with_the_estates_own_time() -> None:
    text = render(message(link="https://x/a/1"))
    assert text.title == "[重要] 1号供水泵 出口压力低"
    assert text.lines == (
        "设备: 1号供水泵 (garden/gw/pump-1)",
        "报警: 出口压力低 (0.21 MPa)",
        "时间: 2026-11-22 23:59:59",
        "工单: #12",
    )
    assert text.tail == ("确认: https://x/a/1",)


@pytest.mark.parametrize(
    ("language", "line"), [("zh", "报警: 电池异常 (需更换)"), ("en", "Alarm: Battery (Replace it)")]
)
def test_a_state_is_told_in_the_words_of_the_reader(language: str, line: str) -> None:
    alarm = {
        "name_zh": "电池异常",
        "name_en": "Battery",
        "onset_value": "replace",
        "onset_zh": "需更换",
        "onset_en": "Replace it",
        "unit": "",
    }
    text = render(message(language=language, payload={"alarm": alarm}))
    assert line in text.lines


def test_an_escalation_in_english() -> None:
    text = render(message(kind="incident.escalated", language="en", severity="urgent"))
    assert text.title == "[URGENT] Escalated: Supply pump 1: pressure low"
    assert text.lines[1] == "Alarm: pressure low (0.21 MPa)"
    assert text.tail == ()


@pytest.mark.parametrize("name", ["gaps", "holes"])
def test_hours_without_anybody_are_listed_under_the_earlier_name_too(name: str) -> None:
    gaps = [{"text_en": "Nobody on Sunday", "text_zh": "周日无人"}]
    text = render(message(kind="coverage.missing", payload={name: gaps}))
    assert "无人值班" in text.title
    assert text.lines == ("-: 周日无人",)


def test_a_digest_counts_and_lists() -> None:
    line = {"severity": "high", "title_en": "P1: fault", "title_zh": "P1 故障", "at": 0}
    digest = message(kind="digest", language="en", payload={"count": 2, "messages": [line] * 2})
    text = render(digest)
    assert text.title == "[HIGH] 2 messages"
    assert text.lines == ("[HIGH] P1: fault (01-01 08:00)",) * 2


def test_a_digest_of_one_incident_carries_its_link_to_the_end() -> None:
    line = {"severity": "low", "title_en": "P1: fault", "title_zh": "P1 故障", "at": 0}
    link = "https://plant.example/a/1-abcdefghijklmnopqrst"
    digest = message(kind="digest", payload={"count": 1, "messages": [line]}, link=link)
    assert render(digest).tail == (f"确认: {link}",)
    values = dict(template_parameters(digest, ("asset", "link"), limit=35))
    assert values == {"asset": "1 条消息", "link": "1-abcdefghijklmnopqrst"}


@pytest.mark.parametrize(("language", "name"), [("zh", "翠湖苑一期"), ("en", "Green Lake")])
def test_an_estate_is_called_by_its_name(language: str, name: str) -> None:
    names = {"site_key": "clj", "site_name_zh": "翠湖苑一期", "site_name_en": "Green Lake"}
    incident = message().payload["incident"] | names
    named = message(language=language, payload=message().payload | {"incident": incident})
    assert dict(template_parameters(named, ("estate",), limit=20)) == {"estate": name}
    assert render(named).lines[0].endswith(f": {name}")
    line = {"severity": "low", "title_zh": "a", "title_en": "a", "at": 0} | names
    other = line | {"site_name_zh": "别处", "site_name_en": "elsewhere"}
    for lines, estate in (([line, line], name), ([line, other], "-")):
        digest = message(kind="digest", language=language, payload={"messages": lines})
        assert dict(template_parameters(digest, ("estate",), limit=20)) == {"estate": estate}


def test_an_estate_without_a_name_is_called_by_its_key() -> None:
    assert dict(template_parameters(message(), ("estate",), limit=20)) == {"estate": "garden"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_short_values_keep_their_limit_and_are_never_empty(language: str) -> None:
    names = ("estate", "asset", "fault", "severity", "link")
    for kind, payload in (
        ("incident.opened", message().payload),
        ("incident.opened", {}),
        ("test", {}),
        ("digest", {"messages": [{"severity": "low", "title_zh": "长" * 99, "at": 0}]}),
        ("digest", {"messages": []}),
    ):
        said = template_parameters(
            message(kind=kind, payload=payload, language=language), names, limit=12
        )
        assert [name for name, _ in said] == list(names)
        assert all(0 < utf16_units(value) <= 12 for _, value in said)


def test_a_link_is_whole_or_not_there() -> None:
    linked = message(link="https://x.example/a/12345-abcdefghijklmnopqrst")
    assert template_parameters(linked, ("link",), limit=35) == [
        ("link", "12345-abcdefghijklmnopqrst")
    ]
    assert template_parameters(linked, ("link",), limit=12) == [("link", "-")]


def test_brackets_of_the_signature_and_line_breaks_do_not_reach_a_template() -> None:
    nasty = {"incident": {"equipment_name_zh": "【泵】\n1", "title_zh": "t"}}
    assert template_parameters(message(payload=nasty), ("asset",), limit=35) == [
        ("asset", "(泵) 1")
    ]
