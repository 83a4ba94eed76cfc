"""``plantroom demo``: broker, simulated estate, agent and server, printed as a story."""

import asyncio
import contextlib
import errno
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import NamedTuple

import click
import httpx
from iotcore import Broker

from plantroom import demo_files
from plantroom.demo_folder import demo_folder
from plantroom.demo_history import BACKENDS, demo_history
from plantroom.demo_requests import ask_for_repair
from plantroom.demo_second import second_token
from plantroom.demo_tidy import close_what_is_left
from plantroom.errors import ChildError, DemoError
from plantroom.processes import Child, free_port, init_server, plantroom_command
from plantroom.receiver import Delivery, Receiver
from plantroom.story import follow, sentence
from server.core.clock import Clock, SystemClock

_RETRY_S = 1.0
_GUIDE = """
Open {url} and log in as {user}; the interface describes itself at {url}/docs
A pump trips within 20 s. To answer for the engineer, in another terminal:
  token=$(python3 -c 'import json; print(json.load(open("{path}"))["token"])')
  curl -s -H "Authorization: Bearer $token" "{url}/api/v1/incidents?state=open"
  curl -s -H "Authorization: Bearer $token" -X POST {url}/api/v1/incidents/NUMBER/acknowledge
When the pipe leaks after two minutes, the plan riser-burst is offered: docs/plans.md
To let something else fail:  echo '{{"do": "entrap", "unit": "lift-a"}}' | nc {control}
Ctrl-C stops everything.
"""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=8080,
    show_default=True,
    help="HTTP port of the server.",
)
@click.option(
    "--dir",
    "folder",
    default=".demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the demo keeps its data.",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="embedded",
    show_default=True,
    help="Where the history is: in the folder, or on a server that is installed; it is started.",
)
@click.option("--fresh", is_flag=True, help="Forget what an earlier run left there.")
@click.option(
    "--past/--no-past",
    default=True,
    show_default=True,
    help="Make up a week of readings, faults and repairs before the first start.",
)
def cli(port: int, folder: Path, backend: str, *, fresh: bool, past: bool) -> None:
    """Run the whole chain on this machine with simulated equipment.

    At each start a pump trips within 20 seconds: watch the alarm, the incident, the work order and
    the signed messages come. The engineer on duty is called, and the lead after 30 seconds without
    an answer; acknowledge the incident in time and nobody else is. The first lines say where the
    page is, how to log in and how to call the interface. Ctrl-C stops everything.

    Example: plantroom demo --port 9000
    """
    try:
        with demo_folder(folder, fresh=fresh):
            _refuse_busy_port(port)
            asyncio.run(_demo(_Asked(port, folder, backend, past), SystemClock()))
    except DemoError as error:
        raise click.ClickException(str(error)) from error


class _Asked(NamedTuple):
    """On the command line."""

    port: int
    folder: Path
    backend: str
    past: bool


async def _demo(asked: _Asked, clock: Clock) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ended = asyncio.create_task(stopped.wait(), name="stop")
    running = asyncio.create_task(_run(asked, clock), name="demo")
    # Whatever has been started by then is stopped, also in the middle of the start.
    await asyncio.wait({ended, running}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.is_set():
        _say("stopping ...")
        running.cancel()
        await asyncio.wait({running})
        _say("stopped; the data is kept, and the next start plays the story anew")
    else:
        ended.cancel()
        running.result()


async def _run(asked: _Asked, clock: Clock) -> None:
    """Start everything and wait until a part of it ends, which it never should."""
    async with contextlib.AsyncExitStack() as stack:
        children = await _start(stack, asked, clock)
        waits = [asyncio.create_task(child.wait()) for child in children]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        _say("a part of the demo ended, stopping ...")
        ended = next(child for child in children if not child.running)
    raise ChildError(f"{ended.name} ended; its last output:\n{ended.tail}")


async def _start(stack: contextlib.AsyncExitStack, asked: _Asked, clock: Clock) -> list[Child]:
    port, folder = asked.port, asked.folder
    ports = demo_files.Ports(port, free_port(), free_port(), free_port())
    secrets = demo_files.load_secrets(folder)
    broker = Broker(port=ports.mqtt, listen="127.0.0.1", max_payload_size=1_048_576)
    try:
        stack.enter_context(broker)
    except RuntimeError as error:
        raise DemoError(f"the broker does not start: {error}") from error
    _say(f"broker      embedded, mqtt://127.0.0.1:{ports.mqtt}")

    story = _Story(clock)
    receiver = Receiver(
        secrets.webhook, now_ms=clock.now_ms, heard=story.print_delivery, port=ports.webhook
    )
    await stack.enter_async_context(receiver)

    history = await stack.enter_async_context(demo_history(asked.backend, folder, clock))
    if history.told:
        _say(f"history     {history.told}")
    server_file = demo_files.write_server_file(folder, ports, history.settings)
    token = await _init_server(server_file, folder)
    await _call_up_people(server_file, folder)
    estate_file = demo_files.write_estate_file(folder)
    if asked.past:
        await _make_past(server_file, estate_file, folder)
    server = _child("server", folder, "server", "run", str(server_file))
    await stack.enter_async_context(server)
    url = f"http://127.0.0.1:{port}"
    path = demo_files.write_credentials(folder, url=url, secrets=secrets, token=token)
    _say(f"server      {url}   user {demo_files.USER}, password and token in {path}")
    client = await stack.enter_async_context(
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"})
    )
    if not secrets.second_token:
        second = await second_token(client, secrets.second_password)
        secrets = secrets._replace(second_token=second)
        demo_files.write_credentials(folder, url=url, secrets=secrets, token=token)
    left = await close_what_is_left(client)
    residents = await ask_for_repair(client)
    await story.begin(client)
    if left:
        _say(f"            closed what an earlier run left open: {left} incident(s)")

    if residents:
        _say(
            f"residents   {url}{residents}   the page behind a QR code; one has asked for a repair"
        )

    simulator = _child(
        "simulator",
        folder,
        *("simulate", "run", str(estate_file), "--control", "0"),
        ready_event="ready",
    )
    await stack.enter_async_context(simulator)
    devices = demo_files.describe_estate(estate_file)
    _say(f"estate      {len(devices)} simulated devices:")
    for line in devices:
        _say(f"              {line}")

    agent_file = demo_files.write_agent_file(folder, estate_file, simulator.ready, ports)
    agent = _child("agent", folder, "agent", "run", str(agent_file))
    await stack.enter_async_context(agent)
    _say(f"agent       polls them, status page http://127.0.0.1:{ports.agent_status}/metrics")
    control = "{host} {port}".format(**simulator.ready["control"])
    _say(_GUIDE.format(url=url, path=path, user=demo_files.USER, control=control))
    await stack.enter_async_context(_telling(story, client))
    return [*history.children, server, simulator, agent]


def _child(name: str, folder: Path, *arguments: str, ready_event: str = "") -> Child:
    return Child(
        name,
        plantroom_command(*arguments),
        log=folder / "logs" / f"{name}.log",
        ready_event=ready_event or f"{name}_ready",
    )


async def _init_server(server_file: Path, folder: Path) -> str:
    """Make the schema and the administrator; return an API token, kept from run to run."""
    kept = demo_files.kept_token(folder)
    if kept:
        return kept
    return await init_server(
        server_file,
        user=demo_files.USER,
        password_file=folder / "password",
        log=folder / "logs" / "init.log",
    )


async def _call_up_people(server_file: Path, folder: Path) -> None:
    """Let the server know whom to call; what was changed since the first run stays."""
    if (folder / "people.yaml").exists():
        return
    path = demo_files.write_people_file(folder)
    command = plantroom_command("server", "people", str(server_file), str(path))
    taking = Child("server people", command, log=folder / "logs" / "people.log")
    taken = False
    try:
        async with taking:
            taken = await taking.wait() == 0
    finally:
        if not taken:
            path.unlink()  # the next run tries again, also after a Ctrl-C
    if not taken:
        raise ChildError(f"plantroom server people failed:\n{taking.tail}")


async def _make_past(server_file: Path, estate_file: Path, folder: Path) -> None:
    """Write the week before the first start; later starts find what has happened since."""
    begun, made = folder / "week.begun", folder / "week.made"
    if begun.exists():
        _say("past        the week before was cut short; --fresh makes it anew")
    if begun.exists() or made.exists() or demo_files.kept_token(folder):
        return
    begun.touch()
    _say("past        a week of readings, faults and repairs is made up for the first start ...")
    command = [sys.executable, "-m", "plantroom.week", str(server_file), str(estate_file)]
    making = Child("week", command, log=folder / "logs" / "week.log")
    async with making:
        status = await making.wait()
    if status != 0:
        raise ChildError(f"the week before could not be made:\n{making.tail}")
    begun.rename(made)
    _say(f"past        {making.tail.splitlines()[-1]}")


@contextlib.asynccontextmanager
async def _telling(story: "_Story", client: httpx.AsyncClient) -> AsyncGenerator[None]:
    task = asyncio.create_task(story.run(client), name="story")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


class _Story:
    """Says what happens from its beginning on."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_id: str | None = None

    async def begin(self, client: httpx.AsyncClient) -> None:
        """Print what happens from now on; the rest belongs to an earlier run."""
        answer = await client.get("/api/v1/events", params={"limit": 1})
        answer.raise_for_status()
        self._last_id = "".join(str(one["id"]) for one in answer.json()["items"])

    async def run(self, client: httpx.AsyncClient) -> None:
        """Follow the live stream for ever."""
        last_id = self._last_id or ""
        while True:
            with contextlib.suppress(httpx.HTTPError):
                async for event in follow(client, last_id=last_id):
                    last_id = event.id or last_id
                    line = sentence(event.data)
                    if line:
                        _say(line)
            await self._clock.sleep(_RETRY_S)

    def print_delivery(self, delivery: Delivery) -> None:
        """Print that a message has arrived."""
        if self._last_id is None:
            return  # what an earlier run was about
        signed = "signature right" if delivery.signed else "SIGNATURE WRONG"
        person = delivery.body.get("data", {}).get("person")
        if person:
            _say(f"          {person['name']}'s phone rings ({signed}), id {delivery.id}")
        else:
            _say(f"          webhook received by the heating supplier ({signed}), id {delivery.id}")


def _refuse_busy_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            taken = (
                "is taken"
                if error.errno == errno.EADDRINUSE
                else f"cannot be used: {error.strerror}"
            )
            message = f"port {port} {taken}; try 'make demo PORT=9000'"
            raise DemoError(message) from error


def _say(text: str) -> None:
    print(text, flush=True)
