"""One pump with alarm rules: its class, its series, its rows, and samples of it."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from config.classes import EquipmentClass
from protocols.reading import Quality, Value
from server.assets.model import Equipment, Gateway, Point, Site
from server.assets.series import CONNECTION, Sample, Series
from server.core.records import Records

POINTS = {
    "pressure": ("number", "bar"),
    "temperature": ("number", "°C"),
    "level": ("number", "m"),
    "run": ("state", ""),
    "fault": ("state", ""),
    "mode": ("state", ""),
}


def _words(text: str) -> dict[str, str]:
    return {"en": text, "zh": f"泵 {text}"}


def _rule(
    name: str, severity: str, cause: str, condition: dict[str, object], **more: object
) -> dict[str, object]:
    return {
        "name": _words(name),
        "severity": severity,
        "cause": cause,
        "condition": condition,
        **more,
    }


RULES = {
    "hot": _rule(
        "too hot",
        "high",
        "motor",
        {"kind": "limit", "point": "temperature", "level": "hi", "limit": 80, "deadband": 5},
    ),
    "very_hot": _rule(
        "far too hot",
        "urgent",
        "motor",
        {"kind": "limit", "point": "temperature", "level": "hihi", "limit": 95, "deadband": 5},
    ),
    "low_level": _rule(
        "level low",
        "low",
        "level",
        {"kind": "limit", "point": "level", "level": "lo", "limit": 1.0, "deadband": 0.2},
        on_delay_s=10,
        off_delay_s=5,
        work_order=False,
    ),
    "no_pressure": _rule(
        "no pressure though it runs",
        "medium",
        "hydraulics",
        {"kind": "limit", "point": "pressure", "level": "lolo", "limit": 0.5},
        **{"while": "run == true"},
    ),
    "fault": _rule("fault", "urgent", "motor", {"kind": "state", "point": "fault", "equals": True}),
    "manual": _rule(
        "not automatic",
        "low",
        "mode",
        {"kind": "state", "point": "mode", "equals": [2, 3]},
    ),
    "silent": _rule(
        "silent", "medium", "link", {"kind": "stale", "point": "pressure", "after_s": 120}
    ),
    "gone": _rule("unreachable", "high", "link", {"kind": "unreachable"}),
}

PUMP = EquipmentClass.model_validate(
    {
        "class": "pump",
        "name": _words("pump"),
        "trade": "heating",
        "points": {
            name: {"name": _words(name), "kind": kind, "unit": unit}
            for name, (kind, unit) in POINTS.items()
        },
        "rules": RULES,
    }
)
CLASSES = {"pump": PUMP}


def pump_series(first_id: int = 1, equipment_id: int = 1) -> dict[str, Series]:
    """The series of one pump, the connection included."""
    return {
        name: Series(
            first_id + index,
            key=f"estate/gw/pump{equipment_id}/{name}",
            name=name,
            equipment_id=equipment_id,
            max_silence_ms=60_000,
        )
        for index, name in enumerate([*POINTS, CONNECTION])
    }


def sample(
    series: Series,
    value: Value,
    at: int,
    *,
    quality: Quality = Quality.GOOD,
    late: bool = False,
) -> Sample:
    """A reading that has found its series."""
    return Sample(series, value, quality, at, late=late)


def install(records: Records, pumps: int = 1) -> list[dict[str, Series]]:
    """Write the rows of some pumps; return the series of each."""

    def work(session: Session) -> list[dict[str, Series]]:
        session.add(Site(id=1, key="estate"))
        session.flush()
        session.add(Gateway(id=1, key="estate/gw", site_id=1, online=True, since_at=0))
        session.flush()
        series = [_install_one(session, number) for number in range(1, pumps + 1)]
        _count_on(session)
        return series

    return records.write(work)


def _count_on(session: Session) -> None:
    """Let PostgreSQL's sequences go on behind the ids that were given by hand."""
    session.flush()
    if session.get_bind().dialect.name != "postgresql":
        return
    for table in ("sites", "gateways", "equipment", "points"):
        newest = f"SELECT max(id) FROM {table}"  # noqa: S608 (constants)
        session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), ({newest}))"))


def _install_one(session: Session, number: int) -> dict[str, Series]:
    series = pump_series(1 + (number - 1) * 10, number)
    session.add(
        Equipment(
            id=number,
            key=f"estate/gw/pump{number}",
            site_id=1,
            gateway_id=1,
            equipment_class="pump",
            profile="sim",
            name_en=f"Pump {number}",
            name_zh=f"循环泵 {number}",
            online=True,
            since_at=0,
            reason="",
        )
    )
    session.flush()
    for one in series.values():
        session.add(
            Point(
                id=one.id,
                key=one.key,
                equipment_id=number,
                name=one.name,
                datatype=10,
                unit="",
                name_en=one.name,
                name_zh=one.name,
                max_silence_ms=one.max_silence_ms,
            )
        )
    return series
