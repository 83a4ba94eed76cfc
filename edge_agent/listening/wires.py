"""What a port hears: which server or line, with which session; the one place that knows."""

from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, time
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from config.fire_panel import FirePanelPort
from config.listening import Gb26875Options, Gb26875SerialPort, Gb26875TcpPort
from config.ports import HearingPort
from config.wires import LineOptions
from edge_agent.clock import Clock
from edge_agent.drivers.connection import open_tcp
from edge_agent.drivers.fire_delivery import Hearer, SiteTime, Wire
from edge_agent.drivers.link import Link
from edge_agent.drivers.own_thread import OwnThread

if TYPE_CHECKING:
    from protocols.gb26875.options import SessionOptions

# What no file uses is not imported: each way imports its own.
# ruff: noqa: PLC0415

_CONNECTING_S: Final = 5.0
_LEAST_ROOM: Final = 64
"""For connections at once; a device that comes back may leave an old one behind."""


def build_wire(
    hearer: Hearer, *, name: str, settings: HearingPort, sources: Collection[str], clock: Clock
) -> Wire:
    """Return the wire of a port; it opens when it is served.

    Args:
        name: Of the port.
        sources: The addresses of the devices on it.
    """
    match settings:
        case Gb26875TcpPort():
            return _server(hearer, name, settings, sources, clock)
        case Gb26875SerialPort():
            return _transmission_line(hearer, name, settings, sources, clock)
        case FirePanelPort():
            return _panel_line(hearer, name, settings, clock)


def _server(
    hearer: Hearer, name: str, settings: Gb26875TcpPort, sources: Collection[str], clock: Clock
) -> Wire:
    from edge_agent.drivers.fire_server import ServerSettings, TransmissionServer

    return TransmissionServer(
        ServerSettings(
            name,
            settings.host,
            settings.port,
            zone=ZoneInfo(settings.time_zone),
            most_connections=max(_LEAST_ROOM, 2 * len(sources)),
            session=_options(settings, sources),
        ),
        hearer=hearer,
        clock=clock,
    )


def _transmission_line(
    hearer: Hearer, name: str, settings: Gb26875SerialPort, sources: Collection[str], clock: Clock
) -> Wire:
    from edge_agent.drivers.fire_line import PanelLine
    from protocols.gb26875.session import CentreSession

    site_time = SiteTime(clock, ZoneInfo(settings.time_zone))
    session = CentreSession(
        _options(settings, sources), moment=site_time.now(), open_places=hearer.open_places
    )
    return PanelLine(
        name,
        source="".join(sources),
        open_link=_opener(settings),
        session=session,
        hearer=hearer,
        clock=clock,
        time=site_time,
    )


def _panel_line(hearer: Hearer, name: str, settings: FirePanelPort, clock: Clock) -> Wire:
    from edge_agent.drivers.fire_line import PanelLine
    from protocols.panels.session import AdapterSession, PanelOptions

    site_time = SiteTime(clock, UTC)
    options = PanelOptions(
        silence_s=settings.longest_silence_s,
        repeat_s=settings.repeat_s,
        marked_starts=settings.marked_starts,
    )
    return PanelLine(
        name,
        source=settings.known_as,
        open_link=_opener(settings, address_bit=settings.has_address_bit),
        session=AdapterSession(settings.adapter(), options, moment=site_time.now()),
        hearer=hearer,
        clock=clock,
        time=site_time,
    )


def _opener(settings: LineOptions, *, address_bit: bool = False) -> Callable[[], Awaitable[Link]]:
    thread = OwnThread()

    async def open_link() -> Link:
        if settings.line is None:
            host = settings.host or ""
            return await open_tcp(host, settings.port, timeout_s=_CONNECTING_S, thread=thread)
        from edge_agent.drivers.serial_line import open_serial

        link = await open_serial(settings.line, thread)
        if not address_bit:
            return link
        from edge_agent.drivers.address_bit import AddressBitLink

        return AddressBitLink(link)

    return open_link


def _options(settings: Gb26875Options, sources: Collection[str]) -> "SessionOptions":
    from protocols.gb26875.events import EventOptions
    from protocols.gb26875.options import SessionOptions

    return SessionOptions(
        sources=frozenset(map(int, sources)),
        silence_s=settings.silence_s,
        reply_timeout_s=settings.reply_timeout_s,
        resends=settings.resends,
        sets_clock=settings.sets_clock,
        clock_every_s=settings.clock_every_s,
        clock_tolerance_s=settings.clock_tolerance_s,
        asks_states=settings.asks_states,
        confirms_user_commands=settings.confirms_user_commands,
        inspects_sentry_at=tuple(map(time.fromisoformat, settings.inspects_sentry_at)),
        sentry_minutes=settings.sentry_minutes,
        events=EventOptions(
            test_from_bit_0=settings.test_from_bit_0, words_are_events=settings.words_are_events
        ),
    )
