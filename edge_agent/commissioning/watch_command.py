"""``plantroom agent watch``: a running gateway in the terminal."""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Final
from urllib.parse import quote, urlsplit

import click

from edge_agent.clock import Clock, SystemClock
from edge_agent.commissioning.view import Status, page
from edge_agent.errors import AgentError

_CLEAR: Final = "\x1b[H\x1b[2J"
_OK: Final = 200
_NOT_FOUND: Final = 404
_ANSWER_S: Final = 5.0


class WatchError(AgentError):
    """The agent's status page cannot be had."""


@click.command("watch")
@click.option(
    "--url",
    default="http://127.0.0.1:9464",
    show_default=True,
    help="The agent's status page (section `status` of its file).",
)
@click.option("--device", help="Show all last values of this device, and no others.")
@click.option("--once", is_flag=True, help="Print one page and stop.")
@click.option(
    "--every",
    type=click.FloatRange(0.2, 3600),
    default=2.0,
    show_default=True,
    help="Refresh, seconds.",
)
def command(*, url: str, device: str | None, once: bool, every: float) -> None:
    """Watch a running gateway: ports, units, load, round trips, errors, journal, last values.

    Load, requests and round trips are of the time between two pages (with --once: since the agent
    was started). On a terminal the page is written over; elsewhere pages follow each other as
    plain text. Ctrl-C ends it.

    \b
    Example:
      plantroom agent watch
      plantroom agent watch --device pump-1 --once
    """  # noqa: D301 (click needs the \b)
    if not _is_address(url):
        raise click.BadParameter(f"expected http://HOST:PORT, got {url!r}", param_hint="--url")
    try:
        asyncio.run(watch(url, device, click.echo, SystemClock(), every_s=every, once=once))
    except WatchError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        click.echo()


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # A port beyond 65535, a bracket that is not closed.
        return False


async def watch(
    url: str,
    device: str | None,
    out: Callable[[str], object],
    clock: Clock,
    *,
    every_s: float,
    once: bool,
) -> None:
    """Print a page, or one after the other for ever.

    Raises:
        WatchError: With ``once``: the agent does not answer.
    """
    terminal = sys.stdout.isatty() and not once
    before: Status | None = None
    while True:
        try:
            now = await asyncio.to_thread(fetch, url, device)
        except WatchError as error:
            if once:
                raise
            out(str(error))
        else:
            lines = page(now, before, values=None)
            if terminal:
                rows = shutil.get_terminal_size().lines - 2
                # What does not fit is left out of the values, which are the end of the page.
                room = max(1, len(now["values"]) - max(0, len(lines) - rows) - 1)
                lines = page(now, before, values=room if len(lines) > rows else None)
            out((_CLEAR if terminal else "") + "\n".join(lines) + ("" if once else "\n"))
            before = now
        if once:
            return
        await clock.sleep(every_s)


def fetch(url: str, device: str | None) -> Status:
    """Return what the agent says of itself.

    Raises:
        WatchError: It does not answer, or not as an agent does.
    """
    parts = urlsplit(url)
    query = f"?device={quote(device)}" if device else ""
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_ANSWER_S)
    try:
        connection.request("GET", f"/status{query}")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        raise WatchError(
            f"{url}: no agent answers ({error}); is it running, and is `status.port` of its file "
            "this port?"
        ) from error
    finally:
        connection.close()
    if answer.status != _OK:
        hint = "an older agent, or no agent" if answer.status == _NOT_FOUND else "no agent"
        raise WatchError(f"{url}: answered {answer.status}: {hint}")
    try:
        status: Status = json.loads(body)
        known = {one["id"] for port in status["ports"].values() for one in port["devices"]}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise WatchError(f"{url}: what answers is no agent") from None
    if device is not None and device not in known:
        raise WatchError(f"{url}: no device {device!r}; there are: {', '.join(sorted(known))}")
    return status
