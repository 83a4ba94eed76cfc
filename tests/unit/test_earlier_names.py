"""Names of earlier versions in people's files and commands are understood."""

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from config.alarming import AlarmSettings
from config.people import PolicySettings
from simulators.__main__ import cli
from simulators.faults import FaultKind


def test_an_earlier_key_sets_the_option() -> None:
    assert AlarmSettings.model_validate({"settle_s": 3}).suppression_delay_s == 3


def test_both_keys_are_one_too_many() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        AlarmSettings.model_validate({"settle_s": 3, "suppression_delay_s": 3})


def test_a_policy_that_accepts_holes_accepts_gaps() -> None:
    steps = [{"after_s": 0, "who": ["leader"]}]
    assert PolicySettings.model_validate({"steps": steps, "accept_holes": True}).accept_gaps


@pytest.mark.parametrize(
    ("earlier", "kind"),
    [
        ("dead", FaultKind.OFFLINE),
        ("held", FaultKind.OUT_OF_ORDER),
        ("hole", FaultKind.ILLEGAL_ADDRESS),
    ],
)
def test_an_earlier_fault_is_the_one_it_is_called_now(earlier: str, kind: FaultKind) -> None:
    assert FaultKind(earlier) is kind


def test_the_bench_takes_the_earlier_option() -> None:
    assert "--dead" in CliRunner().invoke(cli, ["bench", "--help"]).output
