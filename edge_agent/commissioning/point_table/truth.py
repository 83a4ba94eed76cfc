"""States of a point that the class's rules take for true or false (pure)."""

from typing import TYPE_CHECKING, Final, cast

from config.classes import EquipmentClass
from config.conditions import StateCondition
from edge_agent.commissioning.point_table.outcome import Content
from edge_agent.commissioning.point_table.text import compact

if TYPE_CHECKING:
    from collections.abc import Mapping

_FALSE: Final = frozenset(
    "停 停止 停机 停运 停车 关 关闭 关机 断开 否 无 正常 无故障 无报警 未运行 off stop stopped "
    "idle no false normal ok closed none 手动 manual inactive standby 待机 离线 offline".split()
)
_TRUE: Final = frozenset(
    "运行 启动 开 开启 打开 运转 是 有 故障 报警 告警 异常 有故障 on run running start started "
    "yes true fault alarm failure trip tripped error open 自动 auto automatic active 在线 "
    "online".split()
)


def booleans(equipment: EquipmentClass) -> frozenset[str]:
    """Return the points that a rule of the class compares with true or false."""
    return frozenset(
        rule.condition.point
        for rule in equipment.rules.values()
        if isinstance(rule.condition, StateCondition) and isinstance(rule.condition.equals, bool)
    )


def as_truth(content: Content) -> Content | None:
    """Return the point as true or false where its two states are 0 = no and 1 = yes, else None.

    A word such as 运行 would never equal true, and the rule would stay silent.
    """
    listed = cast("Mapping[int, str]", content.get("enum") or {})
    if set(listed) != {0, 1} or content.get("length", 1) != 1 or content.get("invalid"):
        return None
    if compact(listed[0]) not in _FALSE or compact(listed[1]) not in _TRUE:
        return None
    kept = {key: value for key, value in content.items() if key not in {"enum", "order", "scale"}}
    return {**kept, "type": "bool"}
