"""Names of alarms say the figures of the rule as it is where it applies."""

from typing import Any

import pytest

from config.classes import AlarmRule, EquipmentClass
from config.errors import ConfigError
from config.load import load_classes
from server.alarms.rulebook import Override, RuleBook, merged

LIMIT = {"kind": "limit", "point": "temperature", "level": "lo", "limit": 18}


def kind(**rule: Any) -> EquipmentClass:
    words = rule.pop("name", "Room below {limit}")
    return EquipmentClass.model_validate(
        {
            "class": "room",
            "name": {"en": "Room", "zh": "房间"},
            "trade": "heating",
            "points": {
                "temperature": {
                    "name": {"en": "T", "zh": "温度"},
                    "kind": "number",
                    "unit": "°C",
                }
            },
            "rules": {
                "cold": {
                    "name": {"en": words, "zh": words},
                    "condition": LIMIT,
                    "severity": "low",
                    "cause": "cold",
                    **rule,
                }
            },
        }
    )


def name(one: EquipmentClass, **changes: Any) -> tuple[str, str]:
    rule = merged(one, "cold", one.rules["cold"], changes)
    words = rule.named(one.points)
    return words.en, words.zh


@pytest.mark.parametrize(
    ("words", "rule", "en", "zh"),
    [
        ("below {limit}", {}, "below 18 °C", "below 18 °C"),
        ("for {on_delay}", {"on_delay_s": 1800}, "for 30 min", "for 30分钟"),
        ("for {on_delay}", {"on_delay_s": 3600}, "for 1 h", "for 1小时"),
        ("for {on_delay}", {"on_delay_s": 90}, "for 90 s", "for 90秒"),
        ("for {on_delay}", {"on_delay_s": 0.5}, "for 0.5 s", "for 0.5秒"),
        ("for {off_delay}", {}, "for 0 s", "for 0秒"),
        ("plain {", {}, "plain {", "plain {"),
        (
            "by {change} in {within}",
            {
                "condition": {
                    "kind": "rate",
                    "point": "temperature",
                    "change": 2.5,
                    "within_s": 86400,
                }
            },
            "by 2.5 °C in 1 d",
            "by 2.5 °C in 1天",
        ),
        (
            "the same {for}",
            {"condition": {"kind": "stuck", "point": "temperature", "for_s": 7200}},
            "the same 2 h",
            "the same 2小时",
        ),
    ],
)
def test_a_name_is_filled_with_the_figures_of_its_rule(
    words: str, rule: dict[str, Any], en: str, zh: str
) -> None:
    assert name(kind(name=words, **rule)) == (en, zh)


def test_a_change_of_the_limit_changes_the_name() -> None:
    assert name(kind(), condition={"limit": 16.5}) == ("Room below 16.5 °C", "Room below 16.5 °C")


@pytest.mark.parametrize("words", ["{limt}", "{change}", "{severity}", "{limit} {for}"])
def test_an_unknown_word_in_braces_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"rules\.cold\.name\.en: .*\{limit\}, \{off_delay\}"):
        kind(name=words)


def test_the_nearest_change_names_the_alarm() -> None:
    book = RuleBook(
        {"room": kind()},
        [
            Override("room.cold", "site", "garden", {"condition": {"limit": 16}}),
            Override("room.cold", "equipment", "7", {"condition": {"limit": 14}}),
        ],
    )
    found = [
        book.rules_of("room", site=site, equipment_id=number)[0].name.en
        for site, number in (("other", 1), ("garden", 1), ("garden", 7))
    ]
    assert found == ["Room below 18 °C", "Room below 16 °C", "Room below 14 °C"]


def test_no_packaged_name_says_a_figure_of_its_rule() -> None:
    for one in load_classes().values():
        for rule in one.rules.values():
            words = rule.named(one.points)
            assert "{" not in words.en + words.zh
            changed = _with_other_figures(rule)
            for said in (rule.name.en, rule.name.zh):
                assert not any(figure in said.split() for figure in changed), rule.name


def _with_other_figures(rule: AlarmRule) -> list[str]:
    condition = rule.condition.model_dump()
    return [f"{condition[key]:g}" for key in ("limit", "change", "for_s") if condition.get(key)]


def test_a_wrong_expression_is_still_told() -> None:
    with pytest.raises((ConfigError, ValueError), match="while"):
        kind(**{"while": "nothing > 1"})
