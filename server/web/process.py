"""The composition root of a web process: the application without an ingest."""

import asyncio
import contextlib
import gc
import os
import resource
import socket

from prometheus_client import CollectorRegistry, ProcessCollector
from starlette.middleware import Middleware

from config.load import load_classes
from config.load_server import load_plans, load_schematics
from config.server import ServerSettings
from server.api.admission import Admission, Lanes
from server.api.context import Services
from server.api.feed import EventFeed
from server.api.http import build_app
from server.api.principals import Principals
from server.api.serving import HttpServer
from server.core.clock import SystemClock
from server.core.log import set_up_logging
from server.core.records import Records
from server.core.steady_clock import SteadyClock, newest_record
from server.live.hub import LiveHub
from server.live.values import MirroredValues
from server.live.wire import parse_frame
from server.notifications.registry import load_link_key
from server.web.forward import Forward
from server.web.link import Frame, Link
from server.web.remote import RemoteHistory, RemoteServer

_NICE = 5
"""On a busy machine readers wait for the alarm chain, not the other way round."""


class WebProcess:
    """One process that answers HTTP; ends with the server, however that ends."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._clock = SteadyClock(SystemClock())
        self._values = MirroredValues()
        self._hub = LiveHub(self._values, self._clock)
        self._principals = Principals(self._clock)
        self._begin: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._feed: EventFeed | None = None
        self._link = Link(answer=self._answer, hear=self._hear)

    async def run(self, end: socket.socket) -> None:
        """Serve until the server says stop, or is gone."""
        await self._link.open(end)
        reading = asyncio.create_task(self._link.run(), name="link")
        # It is cancelled when this process ends by an error, which has to be shown first.
        reading.add_done_callback(lambda task: None if task.cancelled() else os._exit(1))
        begin = (await self._begin).head
        set_up_logging(level=begin["log_level"])
        settings = ServerSettings.model_validate(begin["settings"])
        with Records.open(settings.records.url, read_only=True) as records:
            self._clock.start(await records.read_async(newest_record))
            await self._serve(settings, records)
        os._exit(0)

    async def _serve(self, settings: ServerSettings, records: Records) -> None:
        metrics = CollectorRegistry()
        ProcessCollector(namespace="plantroom_web", registry=metrics)
        feed = self._feed = EventFeed(records)
        classes = load_classes(settings.class_files)
        services = Services(
            settings=settings,
            records=records,
            clock=self._clock,
            classes=classes,
            history=RemoteHistory(self._link, asyncio.get_running_loop()),
            values=self._values,
            hub=self._hub,
            feed=feed,
            checks={},
            metrics=metrics,
            server=RemoteServer(self._link, self._clock),
            principals=self._principals,
            links=load_link_key(settings.messages.links),
            plans=load_plans(settings, classes),
            schematics=load_schematics(settings, classes),
        )
        app = build_app(
            services,
            behind_gate=Middleware(Forward, link=self._link, principals=self._principals),
            outermost=[Middleware(Admission, lanes=Lanes(settings.http, metrics))],
        )
        http = HttpServer(app, settings.http, self._listener, self._clock)
        following = asyncio.create_task(feed.run(), name="feed")
        await feed.begun()
        answering = asyncio.create_task(http.run(self._ready), name="http")
        await asyncio.wait(
            {answering, following, asyncio.create_task(self._stop.wait())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        feed.close()
        http.stop()
        await answering
        following.cancel()

    def _ready(self) -> None:
        gc.collect()
        gc.freeze()
        with contextlib.suppress(OSError):
            os.nice(_NICE)
        self._link.push(Frame("ready", {}))

    async def _answer(self, frame: Frame) -> Frame:
        """The server only asks whether anybody is there."""
        return Frame(frame.name, {})

    def _hear(self, frame: Frame) -> None:
        match frame.name:
            case "values":
                self._take_values(frame)
            case "committed":
                self._principals.forget()
                if self._feed is not None:
                    self._feed.wake()
            case "begin":
                self._begin.set_result(frame)
            case _:
                self._stop.set()

    def _take_values(self, frame: Frame) -> None:
        values, silences = parse_frame(frame.body)
        self._values.take(values, silences)
        self._hub.changed([last.point_id for last in values])
        self._hub.beat()


async def main(link: int, listener: int) -> None:
    """Run on two open sockets that the server has handed over."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    web = WebProcess(socket.socket(fileno=listener))
    await web.run(socket.socket(fileno=link))
