"""Classes, units and schedules of a port without a port."""

from config.points import Table
from edge_agent.drivers.question import Question
from edge_agent.drivers.registers.plan import Block
from edge_agent.polling.port_time import TimeBudget
from edge_agent.polling.scan_class import Job, ScanClass
from edge_agent.polling.schedule import Schedule
from edge_agent.polling.units import Unit


def scan(name: str, period_s: float, *, unit: Unit | None = None, blocks: int = 1) -> ScanClass:
    asked = [Block(Table.HOLDING, 10 * i, 1 + i, (f"{name}{i}",)) for i in range(blocks)]
    return ScanClass(name, unit or Unit(1, 1.0), period_s, asked)


def clear(job: Job) -> float:
    del job
    return 0.0


def started(*classes: ScanClass) -> Schedule:
    schedule = Schedule(classes, budget=TimeBudget(share=0.03, most_s=1.0, credit_s=1.0))
    schedule.start(0.0)
    return schedule


def answer(unit: Unit, now_s: float, response_s: float, block: Question | None = None) -> None:
    """A unit answers, after so long."""
    unit.answered(now_s)
    unit.took(now_s, response_s, block)


def offline_unit() -> Unit:
    unit = Unit(9, 1.0)
    answer(unit, -1000.0, 0.01)
    for _ in range(3):
        unit.failed(0.0)
    unit.probe_at = 0.5
    return unit
