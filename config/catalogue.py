"""Prints docs/equipment.md from the packaged files: ``python -m config.catalogue``."""

import sys
from collections.abc import Iterator
from typing import Final

from config.base import Words
from config.classes import AlarmRule, ClassPoint, EquipmentClass
from config.code_lists import CodeList, load_code_lists
from config.conditions import (
    ExpressionCondition,
    LimitCondition,
    RateCondition,
    StaleCondition,
    StateCondition,
    StuckCondition,
    UnreachableCondition,
)
from config.load import load_classes, load_profiles
from config.profiles import DeviceProfile

_HEAD: Final = """\
# Equipment classes and device files

Made from `config/classes`, `config/code_lists` and `config/devices` by
`python -m config.catalogue > docs/equipment.md`; a test keeps it true. A device whose points carry
these canonical names gets the class's names, cards and alarm rules, whatever its maker calls its
registers. Rules of points that a device does not have are not applied.
"""

_LISTS: Final = """
## Code lists

States that every maker numbers otherwise have one word here. A device file maps its numbers to
these words (`enum: {7: trapped_at_landing}`), or names a list of them that is known:
`enum_from: elevator_fault.platform_b`.
"""

_ABOVE: Final = {"hi", "hihi"}
_WAYS: Final = {"rising": "rises", "falling": "falls", "either": "changes"}


def catalogue() -> str:
    """Return the whole page."""
    parts = [_HEAD, "\n## Classes\n"]
    parts += [_class_section(one) for one in load_classes().values()]
    parts.append(_LISTS)
    parts += [_list_section(one) for one in load_code_lists().values()]
    parts += ["\n## Device files\n\n", "\n".join(_profile_rows(list(load_profiles().values())))]
    return "".join(parts) + "\n"


def _class_section(one: EquipmentClass) -> str:
    lines = [
        f"\n### {one.equipment_class}: {one.name.en}, {one.name.zh}",
        f"\nTrade: {one.trade}.\n",
        "| point | name | kind | unit |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| `{name}` | {point.name.en}, {point.name.zh} | {_kind(point)} | {point.unit} |"
        for name, point in one.points.items()
    ]
    lines += [
        "",
        "| alarm rule | when | delay | severity | cause | order |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_rule_row(name, rule, rule.named(one.points)) for name, rule in one.rules.items()]
    return "\n".join(lines) + "\n"


def _kind(point: ClassPoint) -> str:
    return f"{point.kind}: [{point.words}](#{point.words})" if point.words else point.kind


def _list_section(one: CodeList) -> str:
    numbers = list(one.numbers)
    lines = [f"\n### {one.code_list}", f"\n{one.name.en}, {one.name.zh}.\n"]
    lines += [
        f"- `{one.code_list}.{name}`: {numbers.source.strip()} ({numbers.confidence})"
        for name, numbers in one.numbers.items()
    ]
    lines += ["", " | ".join(["| word | name", *(f"`{name}`" for name in numbers)]) + " |"]
    lines.append("|---" * (2 + len(numbers)) + "|")
    for word, names in one.words.items():
        cells = [_codes_for(one, name, word) for name in numbers]
        lines.append(" | ".join([f"| `{word}` | {names.en}, {names.zh}", *cells]) + " |")
    return "\n".join(lines) + "\n"


def _codes_for(one: CodeList, numbers: str, word: str) -> str:
    codes = one.numbers[numbers].codes
    return ", ".join(str(number) for number, what in codes.items() if what == word)


def _rule_row(name: str, rule: AlarmRule, words: Words) -> str:
    severity = f"{rule.severity}, life safety" if rule.life_safety else rule.severity
    delay = f"{rule.on_delay_s:g} s" if rule.on_delay_s else ""
    order = "yes" if rule.work_order else "no"
    return (
        f"| `{name}`: {words.en}, {words.zh} | {_when(rule)} | {delay} | {severity} "
        f"| `{rule.cause}` | {order} |"
    )


def _when(rule: AlarmRule) -> str:
    enabled = f", while `{rule.enabled_while}`" if rule.enabled_while else ""
    match rule.condition:
        case LimitCondition(point=point, level=level, limit=limit, deadband=deadband):
            sign = ">" if level in _ABOVE else "<"
            when = f"`{point}` {sign} {limit:g} ({level}, deadband {deadband:g})"
        case StateCondition(point=point, equals=equals):
            states = equals if isinstance(equals, tuple) else (equals,)
            when = f"`{point}` is {' or '.join(str(state).lower() for state in states)}"
        case RateCondition(point=point, direction=way, change=change, within_s=within_s):
            when = f"`{point}` {_WAYS[way]} by more than {change:g} within {within_s:g} s"
        case StuckCondition(point=point, for_s=for_s):
            when = f"`{point}` does not move for {for_s:g} s"
        case ExpressionCondition(when=expression):
            when = f"`{expression}`"
        case StaleCondition(point=point, after_s=after_s):
            after = f" for {after_s:g} s" if after_s else ""
            when = f"`{point}` is silent or not good{after}"
        case UnreachableCondition():
            when = "the device does not answer"
    return when + enabled


def _profile_rows(profiles: list[DeviceProfile]) -> Iterator[str]:
    yield "| profile | product | class | points | source | confidence |"
    yield "|---|---|---|---|---|---|"
    for one in profiles:
        yield (
            f"| `{one.profile}` | {one.maker} {one.model} | `{one.equipment_class}` "
            f"| {len(one.points)} | {one.source.strip()} | {one.confidence} |"
        )


if __name__ == "__main__":
    sys.stdout.write(catalogue())
