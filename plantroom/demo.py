"""``plantroom demo``: broker, simulated estate, agent and server, told as a story."""

import asyncio
import contextlib
import shutil
import signal
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import click
import httpx
from iotcore import Broker

from plantroom import demo_files
from plantroom.errors import ChildError, DemoError
from plantroom.processes import Child, free_port, init_server, plantroom_command
from plantroom.receiver import Delivery, Receiver
from plantroom.story import follow, sentence
from server.core.clock import Clock, SystemClock

_RETRY_S = 1.0


@click.command()
@click.option("--port", default=8080, show_default=True, help="HTTP port of the server.")
@click.option(
    "--dir",
    "folder",
    default=".demo",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the demo keeps its data.",
)
@click.option("--fresh", is_flag=True, help="Forget what an earlier run left there.")
def cli(port: int, folder: Path, *, fresh: bool) -> None:
    """Run the whole chain on this machine with simulated equipment.

    A pump trips within 20 seconds: watch the alarm, the incident, the work order and the signed
    messages come. The engineer on duty is called, and the lead after 30 seconds without an answer;
    acknowledge the incident in time and nobody else is. Open http://127.0.0.1:8080 and log in with
    what FOLDER/credentials.json says. Ctrl-C stops everything.

    Example: plantroom demo --port 9000
    """
    try:
        _refuse_busy_port(port)
        if fresh and folder.exists():
            shutil.rmtree(folder)
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        asyncio.run(_demo(port, folder, SystemClock()))
    except DemoError as error:
        raise click.ClickException(str(error)) from error


async def _demo(port: int, folder: Path, clock: Clock) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ended = asyncio.create_task(stopped.wait(), name="stop")
    running = asyncio.create_task(_run(port, folder, clock), name="demo")
    # Whatever has been started by then is stopped, also in the middle of the start.
    await asyncio.wait({ended, running}, return_when=asyncio.FIRST_COMPLETED)
    if stopped.is_set():
        _say("stopping ...")
        running.cancel()
        await asyncio.wait({running})
        _say("stopped; the data is kept, 'make demo' goes on with it")
    else:
        ended.cancel()
        running.result()


async def _run(port: int, folder: Path, clock: Clock) -> None:
    """Start everything and wait until a part of it ends, which it never should."""
    async with contextlib.AsyncExitStack() as stack:
        children = await _start(stack, port, folder, clock)
        waits = [asyncio.create_task(child.wait()) for child in children]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        _say("a part of the demo ended, stopping ...")
        dead = next(child for child in children if not child.running)
    raise ChildError(f"{dead.name} ended; its last output:\n{dead.tail}")


async def _start(
    stack: contextlib.AsyncExitStack, port: int, folder: Path, clock: Clock
) -> list[Child]:
    ports = demo_files.Ports(port, free_port(), free_port(), free_port())
    secrets = demo_files.load_secrets(folder)
    broker = Broker(port=ports.mqtt, listen="127.0.0.1", max_payload_size=1_048_576)
    try:
        stack.enter_context(broker)
    except RuntimeError as error:
        raise DemoError(f"the broker does not start: {error}") from error
    _say(f"broker      embedded, mqtt://127.0.0.1:{ports.mqtt}")

    receiver = Receiver(
        secrets.webhook, now_ms=clock.now_ms, heard=_tell_delivery, port=ports.webhook
    )
    await stack.enter_async_context(receiver)

    server_file = demo_files.write_server_file(folder, ports)
    token = await _init_server(server_file, folder)
    await _call_up_people(server_file, folder)
    server = _child("server", folder, "server", "run", str(server_file))
    await stack.enter_async_context(server)
    url = f"http://127.0.0.1:{port}"
    path = demo_files.write_credentials(folder, url=url, secrets=secrets, token=token)
    _say(f"server      {url}   user {demo_files.USER}, password and token in {path}")

    estate_file = demo_files.write_estate_file(folder)
    simulator = _child(
        "simulator", folder, "simulate", "run", str(estate_file), ready_event="ready"
    )
    await stack.enter_async_context(simulator)
    _say("estate      " + demo_files.describe_estate(estate_file))

    agent_file = demo_files.write_agent_file(folder, estate_file, simulator.ready, ports)
    agent = _child("agent", folder, "agent", "run", str(agent_file))
    await stack.enter_async_context(agent)
    _say(f"agent       polls it, status page http://127.0.0.1:{ports.agent_status}/metrics")
    _say(f"\nOpen {url} - a pump trips within 20 s. Ctrl-C stops everything.\n")

    client = await stack.enter_async_context(
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"})
    )
    await stack.enter_async_context(_telling(client, clock))
    return [server, simulator, agent]


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


@contextlib.asynccontextmanager
async def _telling(client: httpx.AsyncClient, clock: Clock) -> AsyncGenerator[None]:
    task = asyncio.create_task(_tell(client, clock), name="story")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _tell(client: httpx.AsyncClient, clock: Clock) -> None:
    last_id = ""
    while True:
        with contextlib.suppress(httpx.HTTPError):
            async for event in follow(client, last_id=last_id):
                last_id = event.id or last_id
                line = sentence(event.data)
                if line:
                    _say(line)
        await clock.sleep(_RETRY_S)


def _tell_delivery(delivery: Delivery) -> None:
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
            message = f"port {port} is taken ({error.strerror}); try 'make demo PORT=9000'"
            raise DemoError(message) from error


def _say(text: str) -> None:
    print(text, flush=True)
