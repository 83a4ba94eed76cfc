"""What simulated plant measures over time."""

import itertools

import pytest

from simulators.equipment.base import Equipment
from simulators.equipment.curves import Ramp, day_curve, ripple, steady
from simulators.equipment.lift import Lift
from simulators.equipment.meter import ElectricityMeter
from simulators.equipment.pump import Pump
from simulators.equipment.room import Room
from simulators.equipment.water import LeakSensor, Sump

START_S = 1_795_000_000.0
MODELS: list[type[Equipment]] = [Pump, Lift, LeakSensor, Sump, ElectricityMeter, Room]


def _number(equipment: Equipment, point: str, now_s: float) -> float:
    value = equipment.values(now_s)[point]
    assert isinstance(value, int | float)
    return float(value)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_same_seed_and_time_give_the_same_values(model: type[Equipment]) -> None:
    one = model(seed=5, started_s=START_S)
    other = model(seed=5, started_s=START_S)
    one.values(START_S + 500)  # looking changes nothing
    assert one.values(START_S + 77) == other.values(START_S + 77)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_event_can_happen_and_be_cleared(model: type[Equipment]) -> None:
    equipment = model(seed=5, started_s=START_S)
    usual = {name for name, value in equipment.values(START_S).items() if value is True}
    for at, event in enumerate(sorted(equipment.events)):
        before = str(equipment.values(START_S + 100 * at + 50))
        equipment.happen(event, START_S + 100 * at)
        assert str(equipment.values(START_S + 100 * at + 50)) != before
        equipment.happen("clear", START_S + 100 * at + 60)
    settled = equipment.values(START_S + 100_000)
    assert not settled.get("fault", False)
    assert usual - {"door_open", "arrival_gong", "door_zone"} <= {
        name for name, value in settled.items() if value is True
    }


def test_a_tripped_pump_stops_within_seconds_and_cools_over_minutes() -> None:
    pump = Pump(seed=1, started_s=START_S)
    running = pump.values(START_S)
    assert (running["run"], running["fault"], running["fault_code"]) == (True, False, 0)
    assert 40 < _number(pump, "frequency", START_S) < 52
    warm_c = _number(pump, "medium_temperature", START_S)
    pump.happen("trip", START_S)
    tripped = pump.values(START_S)
    assert (tripped["run"], tripped["fault"], tripped["fault_code"]) == (False, True, 51)
    assert tripped["command"] is True
    assert 10 < _number(pump, "frequency", START_S + 1.5) < 30
    assert _number(pump, "frequency", START_S + 8) == 0
    assert _number(pump, "flow", START_S + 8) == 0
    assert _number(pump, "differential_pressure", START_S + 8) == 0
    assert _number(pump, "medium_temperature", START_S + 8) > warm_c - 2
    assert _number(pump, "medium_temperature", START_S + 1200) < 45


def test_a_cleared_pump_runs_up_and_counts_the_start() -> None:
    pump = Pump(seed=1, started_s=START_S)
    starts = _number(pump, "starts", START_S)
    pump.happen("trip", START_S)
    pump.happen("clear", START_S + 60)
    assert _number(pump, "starts", START_S + 60) == starts + 1
    assert _number(pump, "frequency", START_S + 90) > 40
    assert pump.values(START_S + 90)["fault"] is False


def test_the_hours_of_a_pump_stand_while_it_stands() -> None:
    pump = Pump(seed=1, started_s=START_S)
    hours = _number(pump, "run_hours", START_S)
    pump.happen("trip", START_S + 3600)
    assert _number(pump, "run_hours", START_S + 9999) == pytest.approx(hours + 1)
    pump.happen("clear", START_S + 10_000)
    assert _number(pump, "run_hours", START_S + 13_600) == pytest.approx(hours + 2)


def test_a_pump_obeys_its_control_bits_but_not_while_it_is_tripped() -> None:
    pump = Pump(seed=1, started_s=START_S)
    assert pump.command("control_bits", 1, START_S)  # remote access, off
    assert pump.values(START_S)["run"] is False
    assert pump.values(START_S)["command"] is False
    pump.happen("trip", START_S + 1)
    pump.command("control_bits", 3, START_S + 2)
    assert pump.values(START_S + 2)["run"] is False
    pump.command("control_bits", 7, START_S + 3)  # reset the alarm
    assert pump.values(START_S + 3)["run"] is True


def test_a_pump_follows_its_setpoint() -> None:
    pump = Pump(seed=1, started_s=START_S)
    full = _number(pump, "speed", START_S + 60)
    assert pump.command("setpoint", 50.0, START_S)
    assert _number(pump, "speed", START_S + 60) == pytest.approx(full / 2)


def test_a_lift_travels_and_stops_where_it_failed() -> None:
    lift = Lift(seed=3, started_s=START_S)
    floors = {lift.values(START_S + at)["floor"] for at in range(0, 400, 5)}
    assert len(floors) > 3
    assert floors <= set(range(1, 14))
    lift.happen("entrap", START_S + 5)
    stuck = [lift.values(START_S + at) for at in (5, 60, 600)]
    assert len({one["floor"] for one in stuck}) == 1
    assert all(one["trapped"] and one["fault"] and one["fault_code"] == 23 for one in stuck)
    assert not any(one["door_open"] or one["safety_circuit"] for one in stuck)
    lift.happen("clear", START_S + 600)
    assert lift.values(START_S + 600)["trapped"] is False
    assert {lift.values(START_S + 600 + at)["floor"] for at in range(0, 400, 5)} > {
        stuck[0]["floor"]
    }


def test_the_trips_of_a_lift_never_run_backwards() -> None:
    lift = Lift(seed=3, started_s=START_S)
    trips: list[float] = []
    for at in range(0, 400, 7):
        if at == 70:
            lift.happen("fault", START_S + at)
        if at == 210:
            lift.happen("clear", START_S + at)
        trips.append(_number(lift, "trips", START_S + at))
    assert trips == sorted(trips)
    assert trips[-1] - trips[0] == pytest.approx(6, abs=1)


def test_a_leak_says_where_it_is() -> None:
    sensor = LeakSensor(seed=3, started_s=START_S)
    assert sensor.values(START_S)["leak"] is False
    assert _number(sensor, "leak_distance", START_S) == 0
    sensor.happen("leak", START_S)
    assert sensor.values(START_S)["leak"] is True
    assert 3 <= _number(sensor, "leak_distance", START_S) <= 43


def test_a_sump_swings_between_its_levels() -> None:
    sump = Sump(seed=3, started_s=START_S)
    levels = [_number(sump, "level", START_S + at) for at in range(0, 2000, 5)]
    assert min(levels) == pytest.approx(0.4, abs=0.02)
    assert max(levels) == pytest.approx(1.1, abs=0.02)
    assert all(abs(b - a) <= 0.06 for a, b in itertools.pairwise(levels))
    runs = {sump.values(START_S + at)["pump1_run"] for at in range(0, 2000, 5)}
    assert runs == {True, False}


def test_a_sump_without_pumps_fills_to_the_high_float_and_empties_when_cleared() -> None:
    sump = Sump(seed=3, started_s=START_S)
    sump.happen("both_fault", START_S + 10)
    assert sump.values(START_S + 10)["pump1_fault"] is True
    assert sump.values(START_S + 700)["high_level"] is True
    high_m = _number(sump, "level", START_S + 700)
    sump.happen("clear", START_S + 700)
    assert _number(sump, "level", START_S + 700) == pytest.approx(high_m)
    assert sump.values(START_S + 701)["pump1_run"] is True
    assert sump.values(START_S + 1000)["high_level"] is False


def test_the_second_pump_takes_over() -> None:
    sump = Sump(seed=3, started_s=START_S)
    sump.happen("pump_fault", START_S)
    states = [sump.values(START_S + at) for at in range(0, 2000, 5)]
    assert not any(one["pump1_run"] for one in states)
    assert any(one["pump2_run"] for one in states)
    assert not any(one["high_level"] for one in states)


def test_the_energy_of_a_meter_is_the_integral_of_its_power() -> None:
    meter = ElectricityMeter(seed=3, started_s=START_S)
    step_s = 60.0
    times = [START_S + step_s * k for k in range(24 * 60)]
    worked = sum(_number(meter, "active_power", at + step_s / 2) * step_s for at in times) / 3600
    counted = _number(meter, "import_energy", times[-1] + step_s) - _number(
        meter, "import_energy", START_S
    )
    assert counted == pytest.approx(worked, rel=1e-4)


def test_a_power_cut_stops_the_meter_and_nothing_jumps() -> None:
    meter = ElectricityMeter(seed=3, started_s=START_S)
    before = _number(meter, "import_energy", START_S + 1000)
    meter.happen("power_cut", START_S + 1000)
    dark = meter.values(START_S + 2000)
    assert (dark["voltage_l1"], dark["active_power"], dark["current_l2"]) == (0, 0, 0)
    assert _number(meter, "import_energy", START_S + 2000) == pytest.approx(before)
    meter.happen("clear", START_S + 2000)
    assert _number(meter, "import_energy", START_S + 2000) == pytest.approx(before)
    assert _number(meter, "import_energy", START_S + 3000) > before


def test_voltages_stay_inside_what_is_normal() -> None:
    meter = ElectricityMeter(seed=3, started_s=START_S)
    volts = [_number(meter, f"voltage_l{n}", START_S + at) for n in (1, 2, 3) for at in range(500)]
    assert 225 < min(volts) < max(volts) < 235


def test_a_lost_phase_is_one_phase() -> None:
    meter = ElectricityMeter(seed=3, started_s=START_S)
    meter.happen("phase_loss", START_S)
    values = meter.values(START_S + 1)
    assert values["voltage_l3"] == 0
    assert values["voltage_l1"] != 0


def test_a_cold_room_falls_below_the_floor_of_18_degrees_and_recovers() -> None:
    room = Room(seed=3, started_s=START_S)
    comfortable = [_number(room, "temperature", START_S + at) for at in range(0, 86400, 600)]
    assert 18.5 < min(comfortable) < max(comfortable) < 23
    room.happen("cold", START_S)
    assert _number(room, "temperature", START_S + 5) > 18
    assert _number(room, "temperature", START_S + 600) < 17.5
    room.happen("clear", START_S + 600)
    assert _number(room, "temperature", START_S + 2400) > 18.5


def test_frost_reaches_the_warning_of_five_degrees() -> None:
    room = Room(seed=3, started_s=START_S)
    room.happen("frost", START_S)
    assert -5 < _number(room, "temperature", START_S + 900) < 5


def test_a_ramp_leaves_from_where_it_is() -> None:
    up = steady(0.0).towards(10.0, now_s=100, tau_s=5)
    assert up.at(90) == 0
    assert up.at(105) == pytest.approx(6.32, abs=0.01)
    back = up.towards(0.0, now_s=105, tau_s=5)
    assert back.at(105) == pytest.approx(6.32, abs=0.01)
    assert back.at(1000) == 0
    assert Ramp(3.0, 1.0).at(1e9) == 3.0


def test_ripples_stay_within_one_and_differ_by_key() -> None:
    values = [ripple(at, seed=1, key="a", period_s=30) for at in range(1000)]
    assert -1 <= min(values) < -0.7
    assert 0.7 < max(values) <= 1
    assert ripple(7, seed=1, key="a", period_s=30) != ripple(7, seed=1, key="b", period_s=30)


def test_the_day_peaks_at_its_hour_in_china() -> None:
    noon_utc_s = 1_795_003_200.0 - 1_795_003_200.0 % 86400 + 12 * 3600
    assert day_curve(noon_utc_s, peak_hour=20) == pytest.approx(1)
    assert day_curve(noon_utc_s, peak_hour=8) == pytest.approx(-1)


def test_a_lift_that_is_sent_travels_there_stays_and_stands_without_power() -> None:
    lift = Lift(seed=2, started_s=START_S)
    origin = int(_number(lift, "floor", START_S))
    assert lift.command("send_to_floor", 12, START_S)
    arrived_s = START_S + 2.0 * (12 - origin)
    assert (lift.values(arrived_s)["floor"], lift.values(arrived_s)["door_open"]) == (12, True)
    later = lift.values(arrived_s + 500)
    assert (later["floor"], later["direction"], later["door_open"]) == (12, "stopped", False)
    assert lift.command("power_switch", value=False, now_s=arrived_s + 500)
    dark = lift.values(arrived_s + 900)
    assert (dark["mains"], dark["power_switch"], dark["fault"]) == (False, False, False)
    assert lift.command("send_to_floor", 3, arrived_s + 900)
    assert lift.values(arrived_s + 999)["floor"] == 12
    assert lift.command("power_switch", value=True, now_s=arrived_s + 1000)
    assert lift.values(arrived_s + 1018)["floor"] == 3


def test_a_lift_with_a_fault_goes_nowhere_when_it_is_sent() -> None:
    lift = Lift(seed=2, started_s=START_S)
    lift.happen("fault", START_S)
    floor = lift.values(START_S)["floor"]
    assert lift.command("send_to_floor", 1 if floor == 12 else 12, START_S + 1)
    assert lift.values(START_S + 100)["floor"] == floor
    assert not lift.command("hold", value=True, now_s=START_S)
