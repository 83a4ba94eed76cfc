"""Many pumps behind one gateway, and what happens to their connections and their power."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from config.load import load_classes
from protocols.reading import Quality, Value
from server.alarms.model import Alarm
from server.assets.model import Equipment, Gateway, Point, PowerLink
from server.assets.series import CONNECTION, Sample, Series
from server.messages.model import Message
from tests.fakes.house import House
from tests.fakes.pump_room import CLASSES

GATEWAY = 900


class Estate(House):
    """Many pumps behind one gateway; half of them on each of two lines."""

    number = 8
    classes = {**CLASSES, "gateway": load_classes()["gateway"]}  # noqa: RUF012

    @property
    def every(self) -> range:
        """Numbers of the pumps."""
        return range(1, self.number + 1)

    def boot(self) -> None:
        self.gateway = Series(
            9000,
            key="estate/gw/connection",
            name=CONNECTION,
            equipment_id=GATEWAY,
            max_silence_ms=None,
        )
        self.do(self._add_gateway)
        super().boot()
        self.engine.attach(self.gateway, equipment_class="gateway")

    def _add_gateway(self, session: Session) -> None:
        if session.get(Equipment, GATEWAY) is not None:
            return
        row = Equipment(
            id=GATEWAY,
            key="estate/gw",
            site_id=1,
            gateway_id=1,
            equipment_class="gateway",
            profile="",
            name_en="Gateway",
            name_zh="网关",
            online=True,
            since_at=0,
            reason="",
        )
        session.add(row)
        session.flush()
        session.add(
            Point(
                id=9000,
                key="estate/gw/connection",
                equipment_id=GATEWAY,
                name=CONNECTION,
                datatype=11,
                unit="",
                name_en="c",
                name_zh="c",
                max_silence_ms=None,
            )
        )
        for number in self.every:
            session.get_one(Equipment, number).port = "a" if number <= self.number / 2 else "b"

    def connect(self, numbers: range, *, online: bool, gateway: bool = False) -> None:
        """Rows first, then the alarms, as the ingest does it."""
        now = self.clock.now_ms()
        ids = [*numbers, GATEWAY] if gateway else [*numbers]

        def write(session: Session) -> None:
            values = {"online": online, "since_at": now}
            session.execute(update(Equipment).where(Equipment.id.in_(ids)).values(**values))
            if gateway:
                session.execute(update(Gateway).values(**values))

        self.do(write)
        series = [self.pumps[number - 1][CONNECTION] for number in numbers]
        if gateway:
            series.append(self.gateway)
        for one in series:
            one.last_at, one.last_value, one.last_quality = now, online, Quality.GOOD
        self.pipeline.on_samples([Sample(one, online, Quality.GOOD, now) for one in series])

    def report(self, numbers: range, pressure: float = 3.0) -> None:
        now = self.clock.now_ms()
        for number in numbers:
            series = self.pumps[number - 1]["pressure"]
            series.last_at = series.seen_at = now
            series.last_value, series.last_quality = pressure, Quality.GOOD
            self.pipeline.on_samples([Sample(series, pressure, Quality.GOOD, now)])

    def live(self, seconds: int) -> None:
        """Time passes with all that the server does again and again."""
        step = 5 if seconds > 10 else 1
        for _ in range(seconds // step):
            self.advance(step)
            self.pipeline.on_silence()
            self.handling_timers.sweep()

    def told(self) -> list[str]:
        return [row.payload["incident"]["equipment_key"] for row in self.all(Message)]

    def feed(self, feeder: int, *pumps: int, cause: str = "mode") -> None:
        """One pump feeds others; its alarm of that cause means that they have no power."""

        def add(session: Session) -> None:
            for pump in pumps:
                link = {"feeder_id": feeder, "equipment_id": pump, "cause": cause}
                session.add(PowerLink(**link, created_at=0, created_by="li"))

        self.do(add)

    def read(self, pump: int, point: str, value: Value) -> None:
        """A pump reports a value now."""
        series, now = self.pumps[pump - 1][point], self.clock.now_ms()
        series.last_at = series.seen_at = now
        series.last_value, series.last_quality = value, Quality.GOOD
        self.pipeline.on_samples([Sample(series, value, Quality.GOOD, now)])

    def hidden(self) -> dict[tuple[int, str], str]:
        """Pump and rule of what is suppressed, with the cause."""
        return {
            (row.equipment_id, row.rule): row.suppressed_by
            for row in self.all(Alarm)
            if row.suppressed_by is not None and row.closed_at is None
        }
