"""Tells in plain lines what the server reports on its live stream."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx

TOPICS = "alarms,incidents,work-orders,messages,equipment,plans"
_SEVERITY_MARKS = {"urgent": "◆", "high": "▲", "medium": "■", "low": "●"}


class StreamEvent(NamedTuple):
    """One event of the live stream."""

    id: str
    """Empty for a live value."""
    topic: str
    data: dict[str, Any]


async def follow(
    client: httpx.AsyncClient, *, topics: str = TOPICS, last_id: str = ""
) -> AsyncIterator[StreamEvent]:
    """Yield the events of ``/api/v1/stream``; those after ``last_id`` first.

    Raises:
        httpx.HTTPError: The server is away; call again with the last id.
    """
    headers = {"Last-Event-ID": last_id} if last_id else {}
    parameters = {"topics": topics}
    async with client.stream(
        "GET", "/api/v1/stream", params=parameters, headers=headers, timeout=None
    ) as response:
        response.raise_for_status()
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            elif fields.get("data"):
                yield StreamEvent(
                    fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])
                )
                fields = {}


def sentence(event: dict[str, Any]) -> str:
    """Return one line about an event, or an empty string when it is no news."""
    kind, payload = str(event.get("kind", "")), event.get("payload", {})
    teller = _TELLERS.get(kind) or _TELLERS.get(kind.partition(".")[0])
    text = teller(kind, payload) if teller else ""
    return f"{_clock(event.get('at'))}  {text}" if text else ""


def _clock(at: object) -> str:
    if isinstance(at, str):
        return datetime.fromisoformat(at).astimezone().strftime("%H:%M:%S")
    if isinstance(at, int):
        return datetime.fromtimestamp(at / 1000, tz=UTC).astimezone().strftime("%H:%M:%S")
    return " " * 8


def _mark(payload: dict[str, Any]) -> str:
    return _SEVERITY_MARKS.get(str(payload.get("severity")), " ")


def _what(payload: dict[str, Any]) -> str:
    place = payload.get("equipment_key") or payload.get("key") or payload.get("room") or ""
    name = payload.get("name_en") or payload.get("title_en") or ""
    return f"{name}  [{place}]" if place and place != name else str(name or place)


def _alarm(kind: str, payload: dict[str, Any]) -> str:
    return f"{_mark(payload)} alarm #{payload.get('id')} {kind.partition('.')[2]}: {_what(payload)}"


def _incident(kind: str, payload: dict[str, Any]) -> str:
    verb, number = kind.partition(".")[2], payload.get("id")
    match verb:
        case "updated":
            return ""
        case "escalated":
            return f"  incident #{number} {_step(payload)}"
        case "unreached":
            step, names = payload.get("step", {}), ", ".join(payload.get("not_reached", []))
            return f"  incident #{number} step {step.get('number')}: no message reached {names}"
        case "acknowledged":
            return f"  incident #{number} taken by {payload.get('acknowledged_by')}, no more calls"
        case "acknowledgement_timed_out":
            return f"  incident #{number} acknowledged, but nobody moved: calling on"
        case _:
            return f"{_mark(payload)} incident #{number} {verb}: {_what(payload)}"


def _step(payload: dict[str, Any]) -> str:
    step, called_names = payload.get("step", {}), payload.get("notified", [])
    who = " and ".join(str(one).replace("_", " ") for one in step.get("who", []))
    called = f"calls {', '.join(called_names)}" if called_names else "reaches nobody"
    return f"step {step.get('number')} ({who}) {called}"


def _order(kind: str, payload: dict[str, Any]) -> str:
    verb = kind.partition(".")[2].replace("_", " ")
    return f"  work order #{payload.get('id')} {verb}: {_what(payload)}"


def _message(kind: str, payload: dict[str, Any]) -> str:
    verb = kind.partition(".")[2]
    return f"  message #{payload.get('id')} {verb} to {payload.get('receiver')}"


def _equipment(kind: str, payload: dict[str, Any]) -> str:
    if kind == "equipment.born":
        return ""  # its 'online' follows
    return f"  equipment {kind.partition('.')[2]}: {_what(payload)}"


def _plan(kind: str, payload: dict[str, Any]) -> str:
    verb, note = kind.partition(".")[2], payload.get("note")
    step = f" {payload['step']}" if payload.get("step") else ""
    told = f" ({note})" if note else ""
    return f"  plan run #{payload.get('id')} {payload.get('name_en')}:{step} {verb}{told}"


_TELLERS: dict[str, Callable[[str, dict[str, Any]], str]] = {
    "alarm": _alarm,
    "incident": _incident,
    "work-order": _order,
    "message": _message,
    "equipment": _equipment,
    "plan-run": _plan,
}
