"""One page of ``plantroom agent watch`` from ``/status`` (pure)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from edge_agent.commissioning.table import clip, table

Status: TypeAlias = dict[str, Any]

_PORT_HEADS: Final = ("port", "state", "load", "offline", "asked/s", "RTT ms", "skipped", "errors")
_DEVICE_HEADS: Final = ("device", "port", "unit", "state", "since", "answers in ms", "points")
_LINKAGE_HEADS: Final = ("linkage", "armed", "state", "condition", "runs", "last run", "results")
_VALUE_HEADS: Final = ("device", "point", "value", "unit", "quality", "age")
_WIDEST_VALUE: Final = 24
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def page(now: Status, before: Status | None, *, values: int | None) -> list[str]:
    """Return the lines of a page.

    Args:
        now: What the agent says.
        before: ``/status`` on the page before: rates are of the time between; of the time since
            the start of the agent when there is none, or when it was started again since.
        values: How many last values are shown; None: all.
    """
    if before is not None and before["uptime_s"] >= now["uptime_s"]:
        before = None
    return [
        *_gateway(now),
        "",
        *table(_PORT_HEADS, list(_port_rows(now, before)), right=set(_PORT_HEADS[2:7])),
        "",
        *table(_DEVICE_HEADS, list(_device_rows(now)), right={"unit", "answers in ms", "points"}),
        "",
        *_linkages(now),
        *_values(now, values),
    ]


def _gateway(now: Status) -> Iterator[str]:
    uplink, journal = now["uplink"], now["journal"]
    yield f"gateway {now['gateway']} of site {now['site']}, up for {span(now['uptime_s'])}"
    yield (
        f"broker  {_link(uplink)}, "
        f"{uplink['published']} published, {uplink['acknowledged']} acknowledged, "
        f"{uplink['resent']} resent"
    )
    if uplink["problem"]:
        yield f"        ATTENTION: {uplink['problem']}"
    oldest = journal["oldest_at"]
    age = "" if oldest is None else f", oldest {span((now['at'] - oldest) / 1000)}"
    state = "" if journal["writable"] else ", NOT WRITABLE"
    dropped = f", {journal['dropped_rows']} DROPPED" if journal["dropped_rows"] else ""
    yield (
        f"journal {journal['rows']} messages, {journal['disk_bytes'] / 1e6:.1f} MB"
        f"{age}{dropped}{state}"
    )


def _link(uplink: Status) -> str:
    match uplink["link"]:
        case "waits_for_clock":
            return "connected, WAITS until the machine's clock is right (uplink.clock_grace_s)"
        case "waits_for_host":
            return "connected, WAITS for the primary host"
        case "online":
            return "online"
        case _:
            return f"OFFLINE ({uplink['why']})"


def _port_rows(now: Status, before: Status | None) -> Iterator[Sequence[str]]:
    past_s = now["uptime_s"] - (before["uptime_s"] if before else 0)
    for name, port in now["ports"].items():
        old = (before or {"ports": {}})["ports"].get(name, {})

        def grown(key: str, port: Status = port, old: Status = old) -> float:
            return port.get(key, 0) - old.get(key, 0)

        replies = grown("replies")
        errors = ", ".join(f"{reason} {count:.0f}" for reason, count in port["errors"].items())
        yield (
            name,
            _up(port),
            f"{grown('busy_s') / past_s:.0%}" if past_s else "-",
            f"{grown('offline_s') / past_s:.1%}" if past_s else "-",
            f"{grown('requests') / past_s:.1f}" if past_s else "-",
            f"{1000 * grown('response_s') / replies:.1f}" if replies else "-",
            f"{port.get('skipped_cycles', 0):.0f}",
            errors or "none",
        )


def _device_rows(now: Status) -> Iterator[Sequence[str]]:
    for name, port in now["ports"].items():
        for device in port["devices"]:
            response = device["response_ms"]
            yield (
                device["id"],
                name,
                str(device["unit"]),
                device["state"] if device["up"] else _up(device),
                span((now["at"] - device["since"]) / 1000) if device["since"] else "-",
                "-" if response is None else f"{response:g}",
                str(device["points"]),
            )


def _linkages(now: Status) -> Iterator[str]:
    """Yield nothing for a gateway without any, or an older agent."""
    rows = [
        (
            one["id"],
            "yes" if one["armed"] else "NO",
            one["state"] + (", waits for a reset" if one["latched"] else ""),
            one["why_unknown"] or str(one["condition"]).lower(),
            str(one["runs"]),
            span((now["at"] - one["last_run"]) / 1000) + " ago" if one["last_run"] else "never",
            "; ".join(one["results"]),
        )
        for one in now.get("linkages", ())
    ]
    if rows:
        yield from table(_LINKAGE_HEADS, rows, right={"runs"})
        yield ""


def _values(now: Status, most: int | None) -> Iterator[str]:
    shown = now["values"][:most]
    rows = [
        (
            one["device"],
            one["point"],
            clip(_value(one["value"]), _WIDEST_VALUE),
            one["unit"],
            one["quality"] if not one["reason"] else f"{one['quality']}: {one['reason']}",
            span((now["at"] - one["at"]) / 1000),
        )
        for one in shown
    ]
    yield from table(_VALUE_HEADS, rows, right={"value", "age"})
    if len(now["values"]) > len(shown):
        yield f"... {len(now['values']) - len(shown)} more; --device shows those of one"


def span(seconds: float) -> str:
    """Return a time in the largest units that a person reads."""
    whole = max(0, round(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"


def _up(state: Status) -> str:
    if state.get("open") and not state["up"]:
        return "open, nobody answers"
    if state["up"] is None:
        return "not asked yet"
    return "up" if state["up"] else f"DOWN: {state['reason']}"


def _value(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.7g}" if isinstance(value, float) else str(value)
