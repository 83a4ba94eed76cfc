"""The text of messages, in Chinese and English; long for chats and mail, short for templates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from server.core.errors import InvalidError
from server.core.instant import parse_rfc3339
from server.messages.queue import DIGEST, Outgoing
from server.messages.receivers import CHINA
from server.notifications.cutting import cut

TEST = "test"
"""Kind of a message that only shows that a channel works."""

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "urgent": ("紧急", "URGENT"),
    "high": ("重要", "HIGH"),
    "medium": ("一般", "MEDIUM"),
    "low": ("提示", "LOW"),
    "estate": ("小区", "Estate"),
    "equipment": ("设备", "Equipment"),
    "alarm": ("报警", "Alarm"),
    "since": ("时间", "Since"),
    "order": ("工单", "Work order"),
    "why": ("原因", "Why"),
    "acknowledge": ("确认", "Acknowledge"),
    "digest": ("{} 条消息", "{} messages"),
    "test_title": ("测试消息", "Test message"),
    "test_line": ("收到此消息说明通道工作正常。", "You see this, so the channel works."),
    "test_asset": ("通道", "Channel"),
    "coverage.missing": ("无人值班", "Nobody on duty"),
    "incident.escalated": ("升级", "Escalated"),
    "incident.closed": ("已恢复", "Over"),
    "work-order.breach_forecast": ("工单即将超时", "Work order about to be late"),
    "work-order.breached": ("工单已超时", "Work order late"),
    "due": ("时限", "Due"),
    "task": ("内容", "What"),
    "plan.task": ("预案任务", "Plan task"),
    "plan.message": ("预案通知", "Plan"),
    "plan.call": ("预案待决定", "Plan needs a decision"),
    "shift.handed_over": ("交接班", "Shift change"),
    "request.taken": ("居民报修", "Repair request"),
    "progress": ("进度", "Progress"),
}
_EMPTY = "-"
"""Providers refuse an empty variable."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message in words; the tail must never be cut."""

    title: str
    lines: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()


def render(message: Outgoing) -> Text:
    """Return the long form in the receiver's language."""
    words = _Words(message.language)
    if message.kind == TEST:
        return Text(f"Plantroom {words('test_title')}", (words("test_line"),))
    if message.kind == DIGEST:
        return _digest(message, words)
    incident, alarm = _part(message, "incident"), _part(message, "alarm")
    title = words.of(message.payload, "title") or words.of(incident, "title") or message.kind
    prefix = words.maybe(message.kind)
    lines = [
        (words("task"), words.of(message.payload, "text")),
        (words("estate"), words.of(incident, "site_name")),
        (
            words("equipment"),
            _both(words.of(incident, "equipment_name"), incident.get("equipment_key")),
        ),
        (words("alarm"), _both(words.of(alarm, "name"), words.of(alarm, "onset") or _value(alarm))),
        (words("since"), _local(alarm.get("active_since") or incident.get("opened_at"))),
        (words("order"), _number(_part(message, "work_order").get("id"))),
        (words("due"), _local(message.payload.get("due_at"))),
        (words("why"), str(message.payload.get("reason") or "")),
    ]
    gaps: Sequence[Mapping[str, Any]] = (
        message.payload.get("gaps") or message.payload.get("holes") or ()
    )
    lines += [("-", words.of(gap, "text")) for gap in gaps]
    return Text(
        title=f"[{words(message.severity)}] {prefix + ': ' if prefix else ''}{_line(title)}",
        lines=tuple(f"{name}: {_line(value)}" for name, value in lines if value),
        tail=_tail(message, words),
    )


def _tail(message: Outgoing, words: "_Words") -> tuple[str, ...]:
    word = "progress" if _part(message, "resident") else "acknowledge"
    return (f"{words(word)}: {message.link}",) if message.link else ()


def template_parameters(
    message: Outgoing, names: Sequence[str], *, limit: int
) -> list[tuple[str, str]]:
    """Return values for a template's variables, each at most ``limit`` characters.

    A link that does not fit is left out: half a link is none.
    """
    words = _Words(message.language)
    values = _variables(message, words)
    values["severity"] = words(message.severity)
    code = message.link.rpartition("/")[2]
    values["link"] = code if len(code) <= limit else ""
    return [(name, cut(_plain(values[name]), limit) or _EMPTY) for name in names]


def _variables(message: Outgoing, words: "_Words") -> dict[str, str]:
    incident, alarm = _part(message, "incident"), _part(message, "alarm")
    if message.kind == TEST:
        return {"estate": "Plantroom", "asset": words("test_asset"), "fault": words("test_title")}
    if message.kind == DIGEST:
        parts: Sequence[Mapping[str, Any]] = message.payload["messages"]
        count = words("digest").format(len(parts))
        estates = {words.of(part, "site_name") for part in parts}
        return {
            "estate": estates.pop() if len(estates) == 1 else "",
            "asset": count,
            "fault": words.of(parts[0], "title") if parts else "",
        }
    if resident := _part(message, "resident"):
        return {
            "estate": words.of(message.payload, "site_name"),
            "asset": words.of(resident, "fault"),
            "fault": " ".join(filter(None, (words.of(resident, "progress"), _due(message)))),
        }
    key = str(incident.get("equipment_key") or "")
    return {
        "estate": words.of(incident, "site_name") or key.partition("/")[0],
        "asset": words.of(incident, "equipment_name") or key,
        "fault": words.of(alarm, "name")
        or words.of(message.payload, "title")
        or words.of(incident, "title"),
    }


def _digest(message: Outgoing, words: "_Words") -> Text:
    parts: Sequence[Mapping[str, Any]] = message.payload["messages"]
    lines = [
        f"[{words(part['severity'])}] {_line(words.of(part, 'title'))} ({_clock(part['at'])})"
        for part in parts
    ]
    title = f"[{words(message.severity)}] {words('digest').format(len(parts))}"
    return Text(title, tuple(lines), _tail(message, words))


class _Words:
    """Words of one language."""

    def __init__(self, language: str) -> None:
        self._index = 1 if language == "en" else 0
        self._suffix = "en" if language == "en" else "zh"

    def __call__(self, word: str) -> str:
        return _WORDS[word][self._index] if word in _WORDS else word

    def maybe(self, word: str) -> str:
        """Return the word, or nothing when there is none."""
        return self(word) if word in _WORDS else ""

    def of(self, thing: Mapping[str, Any], name: str) -> str:
        """Return the name in this language, else in the other one."""
        other = "zh" if self._suffix == "en" else "en"
        found = thing.get(f"{name}_{self._suffix}") or thing.get(f"{name}_{other}")
        return str(found or "")


def _part(message: Outgoing, name: str) -> Mapping[str, Any]:
    part: object = message.payload.get(name)
    return cast("Mapping[str, Any]", part) if isinstance(part, dict) else {}


def _both(name: str, detail: object) -> str:
    return f"{name} ({detail})" if name and detail else name or str(detail or "")


def _value(alarm: Mapping[str, Any]) -> str:
    value = alarm.get("onset_value")
    if value is None or isinstance(value, bool):
        return ""
    number = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"{number} {alarm.get('unit') or ''}".strip()


def _number(order_id: object) -> str:
    return "" if order_id is None else f"#{order_id}"


def _local(text: object) -> str:
    """An instant of a payload as the estate's wall clock."""
    try:
        moment = datetime.fromtimestamp(parse_rfc3339(str(text)) / 1000, UTC).astimezone(CHINA)
    except InvalidError:
        return ""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _due(message: Outgoing) -> str:
    """When somebody comes, short enough for a variable."""
    return _local(message.payload.get("due_at"))[5:16]


def _clock(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone(CHINA):%m-%d %H:%M}"


def _line(text: str) -> str:
    """One line without control characters, whatever a device calls itself."""
    return "".join(one if one.isprintable() else " " for one in text).strip()


def _plain(text: str) -> str:
    """Without what providers refuse in a variable: the brackets mark their signature."""
    return _line(text.replace("【", "(").replace("】", ")"))
