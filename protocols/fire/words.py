"""Events of fire alarm equipment in the words of the duty room (pure)."""

from collections.abc import Mapping, Sequence
from typing import Final

from protocols.fire.model import (
    NO_STATE,
    Change,
    Component,
    FireEvent,
    OperationEvent,
    Place,
    ResetEvent,
    State,
    StateEvent,
)
from protocols.fire.points import name_of
from protocols.gb26875.tables import Term

STATES: Final[Mapping[State, Term]] = {
    State.FIRE: Term("火警", "fire"),
    State.FAULT: Term("故障", "fault"),
    State.SHIELDED: Term("屏蔽", "shielded"),
    State.SUPERVISORY: Term("监管", "supervisory"),
    State.STARTED: Term("启动", "started"),
    State.FEEDBACK: Term("反馈", "feedback"),
    State.DELAYED: Term("延时", "delayed"),
    State.MAINS_FAULT: Term("主电故障", "mains fault"),
    State.BACKUP_FAULT: Term("备电故障", "backup fault"),
    State.BUS_FAULT: Term("总线故障", "loop fault"),
    State.MANUAL: Term("手动状态", "manual control"),
    State.CONFIG_CHANGED: Term("配置改变", "configuration changed"),
    State.TEST: Term("测试", "test"),
    State.LINK_FAULT: Term("与监控中心通信故障", "link to the centre broken"),
    State.LINE_FAULT: Term("监测连接线路故障", "line to the panel broken"),
    State.PREALARM: Term("预警", "pre-alarm"),
}
OPERATIONS: Final[Mapping[str, Term]] = {
    "silence": Term("消音", "silenced"),
    "manual_alarm": Term("手动报警", "alarm by hand"),
    "cancel": Term("警情消除", "alarm cancelled"),
    "self_test": Term("自检", "self test"),
    "confirm": Term("确认", "confirmed"),
    "test": Term("测试", "test"),
    "sentry_answer": Term("查岗应答", "sentry answered"),
    "power_on": Term("开机", "switched on"),
    "power_off": Term("关机", "switched off"),
    "linkage_reset": Term("联动复位", "linkage reset"),
}
"""By the names of operations; a reset is an event of its own."""


def words_of(event: FireEvent, changes: Sequence[Change]) -> Sequence[Term]:
    """Return what an event says: each change with its place; a reset; an operation.

    Args:
        changes: What it changed.
    """
    match event:
        case ResetEvent():
            return [_said(event.place, Term("复位", "reset"))]
        case OperationEvent():
            known = [OPERATIONS[one] for one in event.operations if one in OPERATIONS]
            return [_said(event.place, what) for what in known]
        case StateEvent():
            return [_changed(one) for one in changes]
        case _:
            return []


def _changed(change: Change) -> Term:
    where = name_of(change.component)
    on, off = ([STATES[one] for one in State if one in part] for part in (change.on, change.off))
    zh = [*(one.zh for one in on), *(f"{one.zh}恢复" for one in off)]
    en = [*(one.en for one in on), *(f"{one.en} over" for one in off)]
    return Term(f"{where.zh} {'、'.join(zh)}", f"{where.en}: {', '.join(en)}")


def _said(place: Place, what: Term) -> Term:
    where = name_of(Component(place, NO_STATE))
    return Term(f"{where.zh} {what.zh}", f"{where.en}: {what.en}")
