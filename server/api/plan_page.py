"""Plans and runs as pages for A4 paper: one HTML file without script and without other files."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from fastapi.responses import HTMLResponse

from config.plans import CommandStep, EmergencyPlan, MessageStep, PlanStep, ValueOfParameter
from server.api.context import problems
from server.api.plan_shapes import PlanChangeItem, PlanRunDetail, PlanStepItem
from server.messages.receivers import CHINA, Language

PAPER: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A page of one file.",
        "content": {"text/html": {"schema": {"type": "string"}}},
    },
    **problems(404),
}
"""What routes of pages answer, for OpenAPI."""
_STYLE: Final = """
@page { size: A4; margin: 16mm; }
body { font: 10.5pt/1.4 sans-serif; color: #000; margin: 0 auto; max-width: 178mm; }
h1 { font-size: 16pt; margin: 0 0 2mm; } h2 { font-size: 12pt; margin: 6mm 0 2mm; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 0.3mm solid #000; padding: 1.2mm 1.8mm; text-align: left; vertical-align: top; }
thead { display: table-header-group; } tr { break-inside: avoid; }
thead th { white-space: nowrap; } td:first-child { min-width: 30mm; }
.drill { border: 1mm solid #000; padding: 2mm; font: bold 14pt sans-serif; text-align: center; }
.quiet { color: #444; }
"""
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CSP: Final = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "plan": ("应急预案", "Emergency plan"),
    "drill": ("演练 不下发任何命令", "DRILL - nothing is commanded"),
    "step": ("步骤", "Step"),
    "what": ("内容", "What"),
    "condition": ("条件", "Condition"),
    "limit": ("时限", "Time limit"),
    "signature": ("时间 / 签名", "Time / signature"),
    "state": ("状态", "State"),
    "begun": ("开始", "Begun"),
    "ended": ("结束", "Ended"),
    "who": ("确认人", "Confirmed by"),
    "note": ("说明", "Note"),
    "history": ("记录", "History"),
    "time": ("时间", "Time"),
    "kind": ("事件", "Event"),
    "by": ("操作人", "By"),
    "started": ("启动", "Started"),
    "reason": ("原因", "Reason"),
    "equipment": ("设备", "Equipment"),
    "only_if": ("仅当", "only if"),
    "interlock": ("联锁", "interlock"),
    "read_back": ("回读", "read-back"),
    "before": ("之前", "before"),
    "after": ("之后", "after"),
    "command": ("命令", "command"),
    "running": ("进行中", "running"),
    "completed": ("已完成", "completed"),
    "stopped": ("已停止", "stopped"),
    "aborted": ("已终止", "aborted"),
    "pending": ("未开始", "pending"),
    "confirming": ("待确认", "to be confirmed"),
    "confirmed": ("已确认", "confirmed"),
    "commanded": ("已下发", "commanded"),
    "waiting": ("等待完成", "under way"),
    "attention": ("待决定", "needs a decision"),
    "done": ("完成", "done"),
    "skipped": ("跳过", "skipped"),
    "failed": ("失败", "failed"),
    "told": ("已通知", "told"),
    "called": ("已呼叫", "called"),
    "seconded": ("第二人确认", "confirmed by the second person"),
    "retried": ("重试", "again"),
    "on_duty": ("值班人员", "on duty"),
    "leader": ("带班领导", "leader"),
    "manager": ("经理", "manager"),
    "contractor": ("维保单位", "contractor"),
    "heating": ("暖通", "heating"),
    "electrical": ("电气", "electrical"),
    "plumbing": ("给排水", "plumbing"),
    "lift": ("电梯", "lifts"),
    "fire": ("消防", "fire"),
    "low_voltage": ("弱电", "low voltage"),
    "building": ("土建", "building"),
    "min": ("分钟", "min"),
}


class _Page:
    """Writes one page in one language."""

    def __init__(self, language: Language) -> None:
        self._zh = language == "zh"
        self._language = language

    def word(self, key: str) -> str:
        """Return a word, escaped; a key without one stays."""
        zh, en = _WORDS.get(key, (key, key))
        return escape(zh if self._zh else en)

    def who(self, who: str) -> str:
        """Return whom a step is for, escaped: ``on_duty:lift`` by its words."""
        return " · ".join(self.word(part) for part in who.split(":"))

    def of(self, thing: object, name: str) -> str:
        """Return the attribute ``name_zh`` or ``name_en``, escaped."""
        found = getattr(thing, f"{name}_{'zh' if self._zh else 'en'}")
        return escape(str(found or ""))

    def text(self, words: object) -> str:
        """Return a text of both languages in this one, escaped."""
        return escape(str(getattr(words, self._language)))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
        """Return a table; cells are HTML already."""
        head = "".join(f"<th>{self.word(one)}</th>" for one in heads)
        body = "".join(
            "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def answer(self, title: str, body: str) -> HTMLResponse:
        """Return the whole page."""
        html = (
            f'<!doctype html><html lang="{self._language}"><head><meta charset="utf-8">'
            f"<title>{title}</title><style>{_STYLE}</style></head><body>{body}</body></html>"
        )
        return HTMLResponse(html, headers={"Content-Security-Policy": _CSP})


def page_of_plan(plan: EmergencyPlan, language: Language) -> HTMLResponse:
    """Return a plan with room for times and signatures."""
    page = _Page(language)
    rows = [
        (
            f"{number}. {page.text(step.name)}",
            _what(page, step),
            _conditions(page, step),
            _duration(page, step.timeout_s),
            "",
        )
        for number, step in enumerate(plan.steps, 1)
    ]
    heads = ("step", "what", "condition", "limit", "signature")
    title = f"{page.word('plan')}: {page.text(plan.name)}"
    body = f"<h1>{title}</h1><p>{page.text(plan.description)}</p>{page.table(heads, rows)}"
    return page.answer(title, body)


def page_of_run(plan: EmergencyPlan, run: PlanRunDetail, language: Language) -> HTMLResponse:
    """Return what was done in a run."""
    page = _Page(language)
    title = f"{page.word('plan')} #{run.id}: {page.of(run, 'name')}"
    mark = f'<p class="drill">{page.word("drill")}</p>' if run.drill else ""
    chosen = ", ".join(f"{key}: {one}" for key, one in run.chosen.items())
    given = ", ".join(f"{key}: {value:g}" for key, value in run.parameters.items())
    facts = (
        ("state", page.word(run.state)),
        ("started", f"{_moment(run.started_at)} {escape(run.started_by)}"),
        ("ended", _moment(run.ended_at)),
        ("reason", escape(run.reason)),
        ("equipment", escape("; ".join(one for one in (chosen, given) if one))),
    )
    lines = "".join(f"<tr><th>{page.word(key)}</th><td>{text}</td></tr>" for key, text in facts)
    steps = [
        _step_row(page, number, row, step)
        for number, (row, step) in enumerate(zip(run.steps, plan.steps, strict=True), 1)
    ]
    heads = ("step", "state", "begun", "ended", "who", "note")
    names = {row.step: page.of(row, "name") for row in run.steps}
    history = page.table(
        ("time", "step", "kind", "by", "note"),
        [_change_row(page, one, names) for one in run.changes],
    )
    body = (
        f"<h1>{title}</h1>{mark}<p>{page.text(plan.description)}</p><table>{lines}</table>"
        f"<h2>{page.word('step')}</h2>{page.table(heads, steps)}"
        f"<h2>{page.word('history')}</h2>{history}{mark}"
    )
    return page.answer(title, body)


def _step_row(page: _Page, number: int, row: PlanStepItem, step: PlanStep) -> Sequence[str]:
    notes = [escape(row.note)] if row.note else []
    if row.command is not None:
        one = row.command
        notes.append(
            f"{page.word('command')} {one.id}: {page.word(str(one.state))}, "
            f"{page.word('before')} {escape(str(one.before))}, "
            f"{page.word('after')} {escape(str(one.after))} {escape(one.refusal)}"
        )
    return (
        f"{number}. {page.of(row, 'name')}<br>{_what(page, step)}",
        page.word(str(row.state)),
        _moment(row.began_at),
        _moment(row.ended_at),
        escape(row.confirmed_by or ""),
        "<br>".join(notes),
    )


def _change_row(page: _Page, change: PlanChangeItem, names: Mapping[str, str]) -> Sequence[str]:
    return (
        _moment(change.at),
        names.get(change.step or "", ""),
        page.word(change.kind),
        escape(change.by or ""),
        escape(change.note),
    )


def _what(page: _Page, step: PlanStep) -> str:
    if not isinstance(step, CommandStep):
        who = [page.who(one) for one in step.who]
        if isinstance(step, MessageStep):
            who += map(escape, step.channels)
        return f"{page.text(step.text)} <span class='quiet'>({', '.join(who)})</span>"
    value = step.value
    shown = value.parameter if isinstance(value, ValueOfParameter) else str(value).lower()
    return f"<code>{escape(f'{step.equipment}.{step.point} = {shown}')}</code>"


def _conditions(page: _Page, step: PlanStep) -> str:
    found = [
        f"{page.word(name)}: <code>{escape(text)}</code>"
        for name in ("only_if", "interlock", "read_back")
        if (text := getattr(step, name, None))
    ]
    return "<br>".join(found)


def _duration(page: _Page, seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}{f':{rest:02d}' if rest else ''} {page.word('min')}"


def _moment(at: int | None) -> str:
    """An instant on the estate's wall clock."""
    if at is None:
        return ""
    return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
