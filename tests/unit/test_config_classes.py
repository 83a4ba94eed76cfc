import re

import pytest

from config.classes import EquipmentClass, Severity
from config.code_lists import CodeList, codes_of, load_code_lists, words_of_list
from config.conditions import LimitCondition, StateCondition
from config.load import load_classes, load_profiles
from config.points import Point
from config.profiles import DeviceProfile
from config.state_words import states_of, words_of_states

CLASSES = load_classes()
PROFILES = load_profiles()
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def rules_of_cause(name: str, cause: str) -> set[str]:
    return {rule for rule, what in CLASSES[name].rules.items() if what.cause == cause}


def test_each_kind_of_equipment_of_an_estate_has_a_class() -> None:
    domain = """heating_pump heating_network valve water_leak water_supply drainage elevator
        fire_panel fire_water access_control electricity_meter water_meter heat_meter room_climate
        power_distribution generator ups lighting broadcast cctv patrol parking"""
    assert CLASSES.keys() - {"gateway", "linkage"} == set(domain.split())


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("room_climate", "frost_warning"),
        ("heating_network", "frost_warning"),
        ("fire_water", "frost_warning"),
        ("water_meter", "frost_warning"),
        ("heat_meter", "frost_warning"),
        ("generator", "frost_warning"),
    ],
)
def test_whatever_may_freeze_warns_at_five_degrees(name: str, rule: str) -> None:
    alarm = CLASSES[name].rules[rule]
    assert isinstance(alarm.condition, LimitCondition)
    assert (alarm.condition.limit, alarm.cause) == (5, "frost")


@pytest.mark.parametrize("one", CLASSES.values(), ids=CLASSES)
def test_a_class_speaks_chinese_and_english(one: EquipmentClass) -> None:
    words = [
        one.name,
        *(p.name for p in one.points.values()),
        *(r.name for r in one.rules.values()),
    ]
    for name in words:
        assert CHINESE.search(name.zh), name
        assert not CHINESE.search(name.en), name


@pytest.mark.parametrize("one", CLASSES.values(), ids=CLASSES)
def test_a_class_notices_silence(one: EquipmentClass) -> None:
    kinds = {rule.condition.kind for rule in one.rules.values()}
    # A gateway need not have values of its own.
    assert kinds >= (
        {"unreachable"} if one.equipment_class == "gateway" else {"unreachable", "stale"}
    )


@pytest.mark.parametrize("one", CLASSES.values(), ids=CLASSES)
def test_a_card_of_a_class_shows_a_few_key_points(one: EquipmentClass) -> None:
    keys = [name for name, point in one.points.items() if point.key]
    assert 1 <= len(keys) <= 6


def test_only_fire_and_entrapment_can_never_be_shelved() -> None:
    life_safety = {
        f"{name}.{rule}"
        for name, one in CLASSES.items()
        for rule, what in one.rules.items()
        if what.life_safety
    }
    assert life_safety == {
        "fire_panel.fire",
        "fire_panel.several_fires",
        *(f"fire_panel.more_fires_{count}" for count in (2, 3, 5, 10, 20)),
        "fire_panel.prealarm",
        "elevator.trapped",
        "elevator.trapped_by_code",
        "elevator.user_alarm",
        "elevator.alarm_button",
    }
    for name, rule in (("fire_panel", "fire"), ("elevator", "trapped")):
        alarm = CLASSES[name].rules[rule]
        assert alarm.severity is Severity.URGENT
        assert alarm.on_delay_s == 0
        assert alarm.enabled_while is None
        assert alarm.work_order


def test_a_tripped_pump_shows_in_several_alarms_of_one_cause() -> None:
    assert rules_of_cause("heating_pump", "pump_stopped") == {
        "fault",
        "frequency_zero",
        "not_running",
        "outlet_pressure_low",
    }
    for rule in ("frequency_zero", "not_running", "outlet_pressure_low"):
        assert CLASSES["heating_pump"].rules[rule].enabled_while == "command"


def test_a_pump_that_was_told_to_stop_is_no_alarm() -> None:
    fault = CLASSES["heating_pump"].rules["fault"].condition
    assert isinstance(fault, StateCondition)
    assert (fault.point, fault.equals) == ("fault", True)


@pytest.mark.parametrize(
    ("rule", "level", "limit", "severity"),
    [
        ("frost_warning", "lo", 5, Severity.HIGH),
        ("frost", "lolo", 1, Severity.URGENT),
        ("room_cold", "lo", 18, Severity.MEDIUM),
    ],
)
def test_a_room_is_watched_for_frost_and_for_the_floor_of_the_season(
    rule: str, level: str, limit: float, severity: Severity
) -> None:
    alarm = CLASSES["room_climate"].rules[rule]
    assert isinstance(alarm.condition, LimitCondition)
    assert (alarm.condition.level, alarm.condition.limit) == (level, limit)
    assert alarm.severity is severity


def test_severities_sort_from_urgent_to_low() -> None:
    ranked = sorted(Severity, key=lambda severity: severity.rank)
    assert ranked == [Severity.URGENT, Severity.HIGH, Severity.MEDIUM, Severity.LOW]


@pytest.mark.parametrize("one", PROFILES.values(), ids=PROFILES)
def test_points_of_a_device_file_are_canonical_or_carry_their_own_name(one: DeviceProfile) -> None:
    canonical = CLASSES[one.equipment_class].points
    for name, point in {**one.points, **one.computed}.items():
        if name in canonical:
            assert point.unit == canonical[name].unit, name
        else:
            assert point.name is not None, name
            assert CHINESE.search(point.name.zh), name


@pytest.mark.parametrize("one", PROFILES.values(), ids=PROFILES)
def test_states_of_a_device_file_have_the_words_of_the_class(one: DeviceProfile) -> None:
    for name, point in one.points.items():
        canonical = CLASSES[one.equipment_class].points.get(name)
        if canonical and canonical.words:
            assert set((point.enum or {}).values()) <= words_of_list(canonical.words), name


def test_each_state_of_a_device_file_has_chinese_and_english_words() -> None:
    offenders: list[str] = []
    for profile, one in PROFILES.items():
        for name, point in one.points.items():
            words = words_of_states(point, CLASSES[one.equipment_class].points.get(name))
            states = states_of(point.enum, point.otherwise)
            if not isinstance(point, Point):
                states |= set(point.commanded_words)
            offenders += [f"{profile}.{name}: {state}" for state in states - words.keys()]
            offenders += [
                f"{profile}.{name}: {state}: {said}"
                for state, said in words.items()
                if not CHINESE.search(said.zh) or CHINESE.search(said.en)
            ]
    assert not offenders


@pytest.mark.parametrize("one", load_code_lists().values(), ids=load_code_lists())
def test_a_code_list_speaks_chinese_and_english(one: CodeList) -> None:
    for name in (one.name, *one.words.values()):
        assert CHINESE.search(name.zh), name
        assert not CHINESE.search(name.en), name


def test_what_can_be_commanded_is_no_word_that_is_reported_only() -> None:
    offenders: list[str] = []
    for profile, one in PROFILES.items():
        for name, point in one.points.items():
            kind = CLASSES[one.equipment_class].points.get(name)
            if point.writable is None or kind is None or kind.words is None:
                continue
            commanded = set(() if isinstance(point, Point) else point.commanded_words)
            commanded |= set((isinstance(point, Point) and point.enum) or {})
            never = commanded & set(load_code_lists()[kind.words].reported_only)
            offenders += [f"{profile}.{name}: {word}" for word in never]
    assert not offenders


def test_a_list_has_the_words_that_it_says_are_reported_only() -> None:
    said = {"open": {"en": "Open", "zh": "开"}}
    content = {"list": "x", "name": said["open"], "words": said, "reported_only": ["fault"]}
    with pytest.raises(ValueError, match="no word 'fault' in x"):
        CodeList.model_validate(content)


def test_a_point_with_words_of_a_list_is_read_again_as_it_is_written() -> None:
    point = Point.model_validate(
        {"table": "holding", "address": 1, "type": "enum", "enum_from": "elevator_fault.chongqing"}
    )
    assert Point.model_validate_json(point.model_dump_json(exclude_defaults=True)) == point


def test_one_lift_fault_has_one_word_whatever_its_number() -> None:
    national, regional = codes_of("elevator_fault.platform_b"), codes_of("elevator_fault.chongqing")
    assert national[10] == regional[1] == "safety_circuit_open"
    assert national[7] == regional[93] == "trapped_at_landing"
    assert national[21] == regional[90] == "user_alarm"
    with pytest.raises(ValueError, match=r"did you mean 'elevator_fault\.chongqing'"):
        codes_of("elevator_fault.chongqin")


def test_each_word_of_a_lift_fault_but_none_is_an_alarm() -> None:
    told = {
        word
        for rule in CLASSES["elevator"].rules.values()
        if isinstance(rule.condition, StateCondition) and rule.condition.point == "fault_kind"
        for word in (
            rule.condition.equals
            if isinstance(rule.condition.equals, tuple)
            else (rule.condition.equals,)
        )
    }
    assert told == words_of_list("elevator_fault") - {"none"}


@pytest.mark.parametrize("one", PROFILES.values(), ids=PROFILES)
def test_a_device_file_is_watched_by_at_least_one_rule(one: DeviceProfile) -> None:
    rules = CLASSES[one.equipment_class].rules.values()
    watched = {getattr(rule.condition, "point", None) for rule in rules}
    assert watched & {*one.points, *one.computed}


@pytest.mark.parametrize(
    ("profile", "point", "published"),
    [
        ("grundfos-magna3", "fault", ("input", 200, "bit", 1)),
        ("grundfos-magna3", "frequency", ("input", 304, "uint16", 0.1)),
        ("eastron-sdm630", "import_energy", ("input", 72, "float32", 1)),
        ("eastron-sdm630", "active_power", ("input", 52, "float32", 0.001)),
        ("xy-md02", "temperature", ("input", 1, "int16", 0.1)),
        ("rle-ld5000", "leak", ("input", 0, "bit", 1)),
        ("aqualeak-10k", "leak_distance", ("input", 8000, "float32", 1)),
        ("arkel-arcode", "door_bypass_travel", ("coil", 655, "bool", 1)),
        ("wilo-ec-lift", "high_level", ("holding", 139, "bit", 1)),
        ("wilo-ec-lift", "level", ("holding", 25, "int16", 0.01)),
    ],
)
def test_registers_are_those_that_the_maker_published(
    profile: str, point: str, published: tuple[str, int, str, float]
) -> None:
    found = PROFILES[profile].points[point]
    assert (found.table, found.address, found.type, found.scale) == published
