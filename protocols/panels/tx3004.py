"""Tanda (泰和安) TX3004 by its printer port: 115200 8N1, text in GBK (pure).

Two lines: ``event: PPPLLAAA kind`` (panel 3, loop 2, address 3 digits; the panel alone for its own
events), then date and time. The first line counts also when the second does not come.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from protocols.errors import FrameError
from protocols.fire.model import FireEvent, Place, State
from protocols.panels.adapter import (
    Action,
    Adapter,
    Code,
    Confidence,
    Decoded,
    component,
    events_for,
    local_time,
    panel_code,
)

_END: Final = 0x0A
_MOST: Final = 128
_LINE: Final = re.compile(
    r"^\s*(?P<event>[^:\uff1a]+)[:\uff1a]\s*(?P<place>\d{1,8})?\s*(?P<kind>.*)$"
)
_TIME: Final = re.compile(r"^\s*(\d{4}|\d{2})/(\d{1,2})/(\d{1,2})\s+(\d{1,2})[:\uff1a](\d{2})")
_FIRE_WORD: Final = "火警"
_ENDED_WORDS: Final = ("恢复", "取消", "解除", "撤销")
_PLACE_DIGITS: Final = 8
_PANEL_DIGITS: Final = 3

CODES: Final[Mapping[str, Code]] = {
    "火警": Code("fire", State.FIRE),
    "通信故障": Code("offline", State.FAULT),
    "通信故障恢复": Code("online", off=State.FAULT),
    "启动": Code("started", State.STARTED),
    "停止": Code("stopped", off=State.STARTED),
    "屏蔽": Code("shielded", State.SHIELDED),
    "解除屏蔽": Code("released", off=State.SHIELDED),
    "系统复位": Code("reset", action=Action.RESET),
    "主电故障": panel_code("mains_fault", State.MAINS_FAULT),
    "备电故障": panel_code("backup_fault", State.BACKUP_FAULT),
    "主电故障恢复": Code(
        "mains_well", off=State.MAINS_FAULT, action=Action.PANEL, confidence=Confidence.INFERRED
    ),
    "备电故障恢复": Code(
        "backup_well", off=State.BACKUP_FAULT, action=Action.PANEL, confidence=Confidence.INFERRED
    ),
    "开机": Code("power_on", action=Action.OPERATION),
    "关机": Code("power_off", action=Action.OPERATION),
    "输出线故障": Code("output_line_fault", State.FAULT),
    "禁止联动": panel_code("linkage_forbidden", State.MANUAL),
    "手动联动": panel_code("linkage_manual", State.MANUAL),
    "自动联动": panel_code("linkage_automatic", off=State.MANUAL),
}
KINDS: Final[Mapping[str, int]] = {
    "点型感温火灾探测器": 31,
    "光电感烟火灾探测器": 42,
    "手动火灾报警按钮": 23,
    "输入输出模块": 87,
    "声光警报器": 121,
}


@dataclass(frozen=True)
class _Line:
    code: Code
    place: Place
    kind: str


@dataclass
class Tx3004(Adapter):
    """The printer of a TX3004."""

    name: ClassVar[str] = "tx3004"
    most_gap_s: ClassVar[float] = 0.0
    silence_s: ClassVar[float] = 0.0
    baud: ClassVar[int] = 115_200
    most: ClassVar[int] = _MOST
    text_pause_s: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        self._pending: _Line | None = None

    def match(self, buffer: bytearray, start: int, *, behind: bool) -> int | None:
        """Find a line."""
        if behind:
            return 0
        end = buffer.find(_END, start)
        if end < 0:
            return None if len(buffer) - start < _MOST else 0
        return end + 1 - start

    def decode(self, frame: bytes) -> Decoded:
        """Return the event that a line completes."""
        text = frame.decode("gb18030", "replace").strip().strip("\0")
        if not text:
            return Decoded()
        time = _TIME.match(text)
        if time:
            return Decoded(self._completed(_moment(time)))
        complete = self._completed(None)
        try:
            self._pending = _read(text)
        except FrameError:
            if not complete:
                raise
        return Decoded(complete)

    def complete(self) -> Decoded:
        """Return an event whose date has not come."""
        return Decoded(self._completed(None))

    def _completed(self, moment: datetime | None) -> Sequence[FireEvent]:
        line, self._pending = self._pending, None
        if line is None:
            return ()
        kind = KINDS.get(line.kind, 0)
        return events_for(
            line.code, line.place, component_type=kind, text=line.kind, panel_time=moment
        )


def _read(text: str) -> _Line:
    found = _LINE.match(text)
    if found is None:
        raise FrameError(f"{text!r:.60} is neither an event nor a time")
    code = _code(found["event"].strip())
    digits, kind = found["place"] or "", found["kind"].strip()
    if len(digits) == _PLACE_DIGITS:
        panel, loop, address = int(digits[:3]), int(digits[3:5]), int(digits[5:])
        return _Line(code, component(panel, loop=loop, point=address), kind)
    if len(digits) > _PANEL_DIGITS:
        return _Line(code, component(0, point=int(digits)), kind)
    if code.action is Action.STATE:
        code = code._replace(action=Action.PANEL)
    return _Line(code, component(int(digits or 0)), kind)


def _code(event: str) -> Code:
    """Return what an event means; one that speaks of a fire and is in no table is a fire."""
    code = CODES.get(event)
    if code is not None:
        return code
    if _FIRE_WORD in event and not any(word in event for word in _ENDED_WORDS):
        return Code("fire", State.FIRE, confidence=Confidence.INFERRED)
    raise FrameError(f"event {event!r:.40} is in no table")


def _moment(found: re.Match[str]) -> datetime | None:
    year, *rest = (int(part) for part in found.groups())
    return local_time(year, *rest)
