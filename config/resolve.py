"""Brings the agent file, device files and equipment classes together into what the agent runs."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import version

from config.addresses import (
    address_conflicts,
    cjt188_of,
    listening_conflicts,
    mbus_of,
    protocol_of,
    register_conflicts,
)
from config.base import Conflict, ConflictingSettingsError, Words
from config.classes import EquipmentClass
from config.computed import (
    Computed,
    TimedComputed,
    all_needs_of,
    derived_conflicts,
    needs_of,
)
from config.edge import AgentSettings, Device
from config.errors import ConfigError
from config.gateway import RESERVED_POINT, Gateway, ResolvedDevice
from config.interlock import compile_interlock
from config.linkage_rules import linkage_conflicts
from config.listening import FIRE_PANEL, HeardPort
from config.point_kinds import AnyPoint
from config.points import Point
from config.port_conflicts import loose_answers, shared_lines, shared_sources
from config.ports import AnyPort, HearingPort
from config.problems import suggestion
from config.profiles import DeviceProfile, Limits
from config.reporting import Reporting
from config.sharing import keeping_off_others, shared_conflicts
from config.state_words import words_of_states


def resolve(
    settings: AgentSettings,
    *,
    classes: Mapping[str, EquipmentClass],
    profiles: Mapping[str, DeviceProfile],
) -> Gateway:
    """Return the gateway with all device files applied.

    Raises:
        ConflictingSettingsError: Parts do not fit each other; lists all of them.
    """
    conflicts = [*shared_lines(settings.ports), *loose_answers(settings)]
    conflicts += shared_sources(settings)
    devices: dict[str, ResolvedDevice] = {}
    for device_id, device in settings.devices.items():
        port = settings.ports[device.port]
        found = list(_device_conflicts(device, port, classes, profiles))
        conflicts += [Conflict(("devices", device_id, *at), message) for at, message in found]
        if not found:
            devices[device_id] = (
                _heard(device_id, device, port, classes)
                if isinstance(port, HeardPort)
                else _resolved(device_id, device, port, classes, profiles)
            )
    used = {one.profile for one in devices.values() if one.profile}
    makers = {name: profiles[name].maker for name in used}
    conflicts += shared_conflicts(settings.ports, devices, makers)
    if not conflicts:
        conflicts += _interlock_conflicts(settings, devices)
        conflicts += linkage_conflicts(settings.linkages, devices)
    if conflicts:
        raise ConflictingSettingsError(conflicts)
    return Gateway(
        settings=settings.model_copy(update={"devices": {}}),
        devices=keeping_off_others(settings.ports, devices),
        program=version("plantroom"),
    )


def _interlock_conflicts(
    settings: AgentSettings, devices: Mapping[str, ResolvedDevice]
) -> Iterator[Conflict]:
    names = {device_id: device.reported for device_id, device in devices.items()}
    for device_id, device in devices.items():
        for name, point in device.points.items():
            if point.writable is None or point.writable.interlock is None:
                continue
            try:
                compile_interlock(point.writable.interlock, device_id, names)
            except ConfigError as error:
                own = name in settings.devices[device_id].points
                at = ("points", name, "writable", "interlock") if own else ("profile",)
                yield Conflict(("devices", device_id, *at), str(error))


def _device_conflicts(
    device: Device,
    port: AnyPort,
    classes: Mapping[str, EquipmentClass],
    profiles: Mapping[str, DeviceProfile],
) -> Iterator[Conflict]:
    if isinstance(port, HeardPort):
        yield from listening_conflicts(device, port)
        return
    if device.profile is not None and device.profile not in profiles:
        yield Conflict(("profile",), _unknown("device file", device.profile, profiles))
        return
    profile = profiles[device.profile] if device.profile is not None else None
    wanted = _class_of(device, profile)
    if wanted and wanted not in classes:
        at = ("class",) if device.equipment_class else ("profile",)
        yield Conflict(at, _unknown("equipment class", wanted, classes))
    found = list(address_conflicts(device, port, profile))
    yield from found
    if any(at[:1] == ("protocol",) or at[:1] == ("points",) for at, _ in found):
        # What else is wrong with its points says less.
        return
    if profile is None:
        yield from _without_profile(device)
    else:
        yield from _only_conflicts(device, profile)
    yield from _point_conflicts(device, profile)


def _unknown(what: str, name: str, known: Mapping[str, object]) -> str:
    names = sorted(known)
    return f"no {what} {name!r}{suggestion(name, names)} There are: {', '.join(names)}"


def _without_profile(device: Device) -> Iterator[Conflict]:
    if not device.points:
        yield Conflict((), "needs a profile (device file) or points of its own")
    for key, is_given in (("only", device.only is not None), ("ratios", bool(device.ratios))):
        if is_given:
            what = "chooses points" if key == "only" else "sets ratios"
            yield Conflict((key,), f"{what} of a device file; this device has no profile")


def _only_conflicts(device: Device, profile: DeviceProfile) -> Iterator[Conflict]:
    for name in device.ratios:
        if name not in profile.ratios:
            message = _unknown(f"ratio of {profile.profile}", name, profile.ratios)
            yield Conflict(("ratios", name), message)
    known = {**profile.points, **profile.computed}
    for index, name in enumerate(device.only or ()):
        if name not in known:
            yield Conflict(("only", index), _unknown(f"point of {profile.profile}", name, known))


def _point_conflicts(device: Device, profile: DeviceProfile | None) -> Iterator[Conflict]:
    limits = _limits(device, profile)
    points, computed = _points(device, profile)
    if RESERVED_POINT in computed:
        yield Conflict(
            ("computed",), f"the name {RESERVED_POINT} is taken by the server's own flag"
        )
    for at, message in derived_conflicts(points, computed):
        own = device.points if at[0] == "points" else device.computed
        yield Conflict(at if at[1] in own else ("profile",), f"{at[1]}: {message}")
    for name, point in points.items():
        # What the device file says is told at the key that chose the device file.
        at = ("points", name) if name in device.points else ("profile",)
        if name == RESERVED_POINT:
            yield Conflict(at, "this name is taken by the server's own online flag; choose another")
        if isinstance(point, Point):
            yield from register_conflicts(name, point, limits, at)
        if point.max_silence_s is not None and point.max_silence_s < _period(point, device):
            message = f"max_silence_s {point.max_silence_s:g} of {name} is shorter than its period"
            yield Conflict(at, f"{message}, {_period(point, device):g} s")


def _points(
    device: Device, profile: DeviceProfile | None
) -> tuple[dict[str, AnyPoint], dict[str, Computed]]:
    points = profile.read_points(device.ratios) if profile else {}
    computed = {**profile.computed} if profile else {}
    if device.only is not None:
        kept = all_needs_of(
            [one for one in device.only if one in points or one in computed], points, computed
        )
        points = {name: points[name] for name in points if name in kept}
        computed = {name: computed[name] for name in computed if name in kept}
    points = {name: one for name, one in points.items() if name not in device.computed}
    computed = {name: one for name, one in computed.items() if name not in device.points}
    return points | device.points, computed | device.computed


def _heard(
    device_id: str,
    device: Device,
    port: HearingPort,
    classes: Mapping[str, EquipmentClass],
) -> ResolvedDevice:
    """Return a device on a port that listens."""
    names = {name: _class_name(name, classes.get(FIRE_PANEL)) for name in port.points}
    return ResolvedDevice(
        id=device_id,
        port=device.port,
        unit=port.known_as or device.source or 0,
        profile="",
        equipment_class=FIRE_PANEL,
        name=device.name,
        limits=Limits(),
        points={},
        protocol=port.PROTOCOL,
        heard={
            name: point.model_copy(
                update={
                    "max_silence_s": None if point.is_event else device.max_silence_s,
                    "name": names[name] or _plain_name(name),
                }
            )
            for name, point in port.points.items()
        },
    )


def _resolved(
    device_id: str,
    device: Device,
    port: AnyPort,
    classes: Mapping[str, EquipmentClass],
    profiles: Mapping[str, DeviceProfile],
) -> ResolvedDevice:
    profile = profiles[device.profile] if device.profile is not None else None
    class_name = _class_of(device, profile)
    points, computed = _points(device, profile)
    periods = _periods(device, points, computed)
    known = classes.get(class_name)
    return ResolvedDevice(
        id=device_id,
        port=device.port,
        unit=device.meter or device.host or device.unit,
        profile=device.profile or "",
        equipment_class=class_name,
        name=device.name,
        limits=_limits(device, profile),
        points={
            name: point.model_copy(update=_filled(name, point, periods[name], device, known))
            for name, point in points.items()
        },
        computed={
            name: TimedComputed.model_validate(
                dict(one)
                | _filled(name, one, periods[name], device, known)
                | {"report_all": one.report_all or _counts(name, points, computed)}
            )
            for name, one in computed.items()
        },
        protocol=protocol_of(device, port, profile),
        cjt188=cjt188_of(device, profile),
        mbus=mbus_of(device, profile),
        state_words=_state_words(points, known),
    )


def _state_words(
    points: Mapping[str, AnyPoint], equipment_class: EquipmentClass | None
) -> dict[str, dict[str, Words]]:
    canonical = equipment_class.points if equipment_class else {}
    said = {name: words_of_states(one, canonical.get(name)) for name, one in points.items()}
    return {name: words for name, words in said.items() if words}


def _counts(name: str, points: Mapping[str, AnyPoint], computed: Mapping[str, Computed]) -> bool:
    """Whether it is made of what is emptied by being read: equal counts are two counts."""
    made_of = all_needs_of([name], points, computed)
    return any(one in points and points[one].clear_on_read for one in made_of)


def _periods(
    device: Device, points: Mapping[str, AnyPoint], computed: Mapping[str, Computed]
) -> dict[str, float]:
    """Return how often each is read or computed, seconds.

    A factor that says nothing itself is read as often as what it scales; what is computed follows
    the fastest of its points.
    """
    periods = {name: _period(point, device) for name, point in points.items()}
    scaled: dict[str, float] = {}
    for name, point in points.items():
        for factor in point.factors:
            if points[factor].period_s is None:
                scaled[factor] = min(scaled.get(factor, periods[name]), periods[name])
    periods |= scaled
    for name in all_needs_of(list(computed), points, computed):
        if name in computed:
            periods[name] = min(periods[one] for one in needs_of(name, points, computed))
    return periods


def _class_of(device: Device, profile: DeviceProfile | None) -> str:
    return device.equipment_class or (profile.equipment_class if profile else "")


def _limits(device: Device, profile: DeviceProfile | None) -> Limits:
    return device.limits or (profile.limits if profile else Limits())


def _period(point: AnyPoint, device: Device) -> float:
    return point.period_s if point.period_s is not None else device.period_s


def _filled(
    name: str,
    point: Reporting,
    period_s: float,
    device: Device,
    equipment_class: EquipmentClass | None,
) -> dict[str, object]:
    # A point read more rarely than the device's silence bound is simply reported at each read.
    silence_s = point.max_silence_s or max(device.max_silence_s, period_s)
    return {
        "period_s": period_s,
        "max_silence_s": silence_s,
        "name": point.name or _class_name(name, equipment_class) or _plain_name(name),
    }


def _class_name(name: str, equipment_class: EquipmentClass | None) -> Words | None:
    canonical = equipment_class.points.get(name) if equipment_class else None
    return canonical.name if canonical else None


@lru_cache(maxsize=1024)
def _plain_name(name: str) -> Words:
    text = name.replace("_", " ").capitalize()
    return Words(en=text, zh=text)
