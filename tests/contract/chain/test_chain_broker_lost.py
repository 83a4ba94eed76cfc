"""A server without its broker hears nothing; that is no alarm of the plant."""

import pytest

from server.alarms.model import Alarm
from tests.contract.chain.test_chain_outages import estate
from tests.fakes.estate import Estate
from tests.fakes.house import link_watch

__all__ = ["estate"]


@pytest.mark.long
def test_a_broker_that_restarts_is_no_alarm_of_every_gateway(estate: Estate) -> None:
    receives = True
    sweep = link_watch(estate, lambda: receives)

    def live(seconds: int) -> None:
        for _ in range(seconds // 2):
            estate.advance(2)
            sweep.sweep()
            estate.handling_timers.sweep()

    live(70)
    estate.report(estate.every)
    # The broker says farewell for all of them, and is gone.
    estate.connect(estate.every, online=False, gateway=True)
    receives = False
    live(300)
    assert estate.told() == []
    receives = True
    estate.connect(range(2, estate.number + 1), online=True, gateway=True)
    estate.report(range(2, estate.number + 1))
    live(50)
    assert estate.told() == []
    estate.report(range(2, estate.number + 1))
    live(60)
    assert estate.told() == ["estate/gw/pump1"]
    assert "gateway.unreachable" not in {row.rule for row in estate.all(Alarm)}
