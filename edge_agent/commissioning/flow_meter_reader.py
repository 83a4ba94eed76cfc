"""Reads one CJ/T 188 meter for the integrator: its fields, or a device file's points; finds it."""

from collections.abc import Iterator, Sequence
from typing import Final

from config.cjt188 import Cjt188Settings
from config.meter_ports import Cjt188Port
from config.point_kinds import fields_of
from config.profiles import DeviceProfile
from edge_agent.clock import Clock
from edge_agent.commissioning.device_file import flow
from edge_agent.commissioning.explain import in_words
from edge_agent.commissioning.identifier_wish import IdentifierWish
from edge_agent.commissioning.meter_reader import point_lines
from edge_agent.commissioning.point_reader import PointReader, at_one_period
from edge_agent.commissioning.port_spec import describe, facts_of
from edge_agent.commissioning.search import Setting, Shown
from edge_agent.commissioning.table import table
from edge_agent.drivers.cjt188.client import Cjt188Client
from edge_agent.drivers.cjt188.driver import Cjt188Driver
from edge_agent.drivers.cjt188.planner import FieldPlanner
from edge_agent.drivers.frame_line import FrameLine
from edge_agent.drivers.lines import Lines
from edge_agent.errors import DeviceGarbageError, DeviceRefusedError, DeviceTimeoutError
from protocols.cjt188.addresses import METER_TYPES, Family, family_of
from protocols.cjt188.identifiers import READING, ByteOrder

_DIGITS: Final = 14
_HEADS: Final = ("identifier", "field", "value", "unit", "bytes, low first")
_PROFILES: Final = {Family.HEAT: "cjt188-heat"}
_DEFAULT_PROFILE: Final = "cjt188-water"


class FlowMeterWish(IdentifierWish):
    """What is to be read of a CJ/T 188 meter."""

    ADDRESS_DIGITS = 14
    LENGTHS = (4,)
    EXPECTED = "4 hexadecimal digits"
    USUAL = "901F"


class FlowMeterReader:
    """The meters on an open line.

    Args:
        client: The line.
        port: Its settings.
    """

    def __init__(self, client: Cjt188Client, port: Cjt188Port) -> None:
        self._client = client
        self._port = port
        self._found: tuple[str, int] | None = None

    async def page(self, wish: FlowMeterWish) -> list[str]:
        """Return the table of what is wished, below the meter's address.

        Raises:
            DriverError: The meter does not answer, or the port is lost.
        """
        settings = (wish.profile and wish.profile.cjt188) or Cjt188Settings()
        if self._found is None:
            known = (wish.address, settings.number)
            self._found = known if wish.profile and wish.address else await self.meter(settings)
        address, kind = self._found
        address = wish.address or address
        head = [f"meter {address}, type {kind:02X} ({METER_TYPES.get(kind, 'unknown')})"]
        if wish.profile is not None:
            return head + await self._points(wish.profile, settings, address)
        rows: list[tuple[str, ...]] = []
        for text in wish.identifiers or (f"{READING:04X}",):
            rows += await self._rows(address, kind, text.upper(), settings)
        return head + table(_HEADS, rows, right={"value"})

    async def meter(self, settings: Cjt188Settings | None = None) -> tuple[str, int]:
        """Return address and type of the one meter on the line.

        Raises:
            DeviceGarbageError: Several answered at once.
        """
        dialect = (settings or Cjt188Settings()).dialect(wake_up=self._port.wake_up)
        told = await self._client.read_address(timeout_s=self._port.timeout_s, dialect=dialect)
        return told.reading.address, told.reading.meter_type

    async def _points(
        self, profile: DeviceProfile, settings: Cjt188Settings, address: str
    ) -> list[str]:
        points = at_one_period(profile.read_points())
        planner = FieldPlanner(
            fields_of(points),
            address=address,
            meter_type=settings.number,
            dialect=settings.dialect(wake_up=self._port.wake_up),
            line=FrameLine.of(self._port),
        )
        driver = Cjt188Driver(self._client)
        reader = PointReader(driver, address, planner, timeout_s=self._port.timeout_s)
        return list(point_lines(profile, await reader.read(points, computed=profile.computed)))

    async def _rows(
        self, address: str, kind: int, text: str, settings: Cjt188Settings
    ) -> list[tuple[str, ...]]:
        try:
            answer = await self._client.read(
                kind,
                address,
                int(text, 16),
                timeout_s=self._port.timeout_s,
                dialect=settings.dialect(wake_up=self._port.wake_up),
            )
        except DeviceRefusedError as error:
            return [(text, "?", "-", in_words(error), "")]
        return [
            (
                text if not index else "",
                one.name,
                "-" if one.value is None else str(one.value),
                one.problem or one.unit,
                one.raw.hex(" "),
            )
            for index, one in enumerate(answer.reading.values)
        ]


async def scan(
    port: Cjt188Port,
    settings: Sequence[Setting],
    clock: Clock,
    *,
    budget_s: float,
    shown: Shown,
) -> tuple[bool, list[str]]:
    """Ask for the address of the one meter at each setting, in both byte orders, until one answers.

    Returns:
        Whether one was found, and what to tell.

    Raises:
        PortDownError: The line cannot be used.
    """
    lines, began_s, noisy = Lines(), clock.monotonic_s(), list[str]()
    for setting in settings:
        tried = port.model_copy(update={"baud": setting.baud, "parity": setting.parity})
        if clock.monotonic_s() - began_s >= budget_s:
            break
        shown.note(f"asking {describe(tried)}")
        async with lines.open_flow_meters(tried, clock) as client:
            for order in ByteOrder:
                spoken = Cjt188Settings(byte_order=order)
                try:
                    address, kind = await FlowMeterReader(client, tried).meter(spoken)
                except (DeviceTimeoutError, DeviceRefusedError):
                    continue
                except DeviceGarbageError as error:
                    noisy.append(f"{describe(tried)} ({in_words(error)})")
                    continue
                return True, [*_noise(noisy), *_found(tried, address, kind, order)]
    none = f"{port.place}: no meter answered; check power, A and B swapped, wake_up"
    return False, [*_noise(noisy), none]


def _noise(noisy: Sequence[str]) -> Iterator[str]:
    if noisy:
        yield f"damaged answers at {'; '.join(noisy)}"
        yield "several meters on the line answer at once, a wrong setting, or noise: this finds"
        yield "one meter alone on a line; of several, the digits are on their plates"


def _found(port: Cjt188Port, address: str, kind: int, order: ByteOrder) -> Iterator[str]:
    yield f"meter {address}: CJ/T 188, type {kind:02X} ({METER_TYPES.get(kind, 'unknown')})"
    yield ""
    family = family_of(kind)
    profile = _PROFILES.get(family, _DEFAULT_PROFILE) if family else _DEFAULT_PROFILE
    yield "# for the agent file"
    yield "ports:"
    yield f"  meters: {flow(facts_of(port))}"
    yield "devices:"
    yield (
        f'  meter-1: {{port: meters, meter: "{address}", profile: {profile}, '
        f'cjt188: {{type: "{kind:02X}", byte_order: {order}}}, name: {{en: Meter 1, zh: 1号表}}}}'
    )
