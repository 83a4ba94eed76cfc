import pytest

from config.errors import ConfigError
from config.expression import compile_expression
from protocols.reading import Value

NAMES = ("run", "command", "frequency", "pressure", "mode")


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("run", {"run": True}, True),
        ("not run", {"run": True}, False),
        ("run and frequency < 1", {"run": True, "frequency": 0.5}, True),
        ("run or command", {"run": False, "command": True}, True),
        ("mode == 'auto'", {"mode": "auto"}, True),
        ("mode in ('hand', 'off')", {"mode": "auto"}, False),
        ("mode not in ['hand', 'off']", {"mode": "auto"}, True),
        ("10 <= pressure < 20", {"pressure": 15}, True),
        ("pressure * 2 - 1", {"pressure": 15}, 29.0),
        ("abs(-pressure) / 4", {"pressure": 10}, 2.5),
        ("max(pressure, frequency) % 7", {"pressure": 10, "frequency": 3}, 3.0),
        ("run == true and command != false", {"run": True, "command": True}, True),
        ("  run  ", {"run": False}, False),
    ],
)
def test_an_expression_is_worked_out(text: str, values: dict[str, Value], expected: Value) -> None:
    result = compile_expression(text, NAMES).evaluate(values)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("run", {}),
        ("run", {"run": None}),
        ("run and frequency < 1", {"run": True}),
        ("frequency < 1 and run", {"run": False}),
        ("frequency < 1", {"frequency": "fast"}),
        ("frequency / pressure > 1", {"frequency": 1, "pressure": 0}),
        ("mode", {"mode": "auto"}),
        ("pressure * frequency", {"pressure": 1e300, "frequency": 1e300}),
    ],
)
def test_what_cannot_be_known_is_none(text: str, values: dict[str, Value]) -> None:
    assert compile_expression(text, NAMES).evaluate(values) is None


def test_a_value_that_is_not_needed_may_be_missing() -> None:
    assert compile_expression("run and frequency < 1", NAMES).evaluate({"run": False}) is False
    assert compile_expression("run or frequency < 1", NAMES).evaluate({"run": True}) is True


def test_it_names_the_points_that_it_reads() -> None:
    expression = compile_expression("command and max(pressure, 1) < 5 or true", NAMES)
    assert expression.names == {"command", "pressure"}


def test_a_point_called_true_wins_over_the_word() -> None:
    assert compile_expression("true", ["true"]).evaluate({"true": False}) is False


def test_an_expression_can_be_used_again_and_again() -> None:
    expression = compile_expression("frequency < 1", NAMES)
    results = [expression.evaluate({"frequency": value}) for value in (0, 2, None, 0.5)]
    assert results == [True, False, None, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runn", r"position 1: no point 'runn'; did you mean 'run'\? Known points: command, freq"),
        ("run and xyz", r"position 9: no point 'xyz'\. Known points: command"),
        ("run = true", "broken at position 5 .*write == to compare"),
        ("run && command", "broken at position 6 .*and or not"),
        ("", "broken at position 1"),
        ("run.real", "position 1: Attribute is not allowed"),
        ("[x for x in mode]", "ListComp is not allowed"),
        ("2 ** 99", "Pow is not allowed"),
        ("run if command else mode", "IfExp is not allowed"),
        ("lambda: run", "Lambda is not allowed"),
        ("mode[0]", "Subscript is not allowed"),
        ("f'{mode}'", "JoinedStr is not allowed"),
        ("__import__('os').system('true')", "only abs, min, max can be called|is not allowed"),
        ("open('/etc/passwd')", "no function 'open'; there are: abs, min, max"),
        ("max(*mode)", "Starred is not allowed"),
        ("max(run, key=abs)", "a function takes plain values only"),
        ("max", "no point 'max'"),
        ("None == run", "only numbers, 'words', true and false"),
        ("b'x' == mode", "only numbers, 'words', true and false"),
        ("run; command", "broken at position 4"),
        ("(" * 400 + "run" + ")" * 400, "broken|not an expression"),
        ("run\x00", "broken|not an expression"),
        ("held_for(run, 20)", "held_for stands in computed points only; a rule has on_delay_s"),
    ],
)
def test_what_is_not_allowed_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compile_expression(text, NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("held_for(run)", r"held_for takes a condition and seconds.*: held_for\(run, 20\)"),
        ("held_for(run, 0)", "held_for takes"),
        ("held_for(run, -1)", "held_for takes"),
        ("held_for(run, true)", "held_for takes"),
        ("held_for(run, 1e9)", "up to 86400"),
        ("held_for(run, frequency)", "held_for takes"),
        ("held_for(run, 'long')", "held_for takes"),
        ("held_for(runn, 20)", "no point 'runn'; did you mean 'run'"),
        ("open(run)", "there are: abs, min, max, held_for"),
        ("held_for(run, seconds=20)", "plain values only|keyword is not allowed"),
    ],
)
def test_a_duration_has_a_condition_and_seconds(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compile_expression(text, NAMES, timed=True)


def test_durations_stand_behind_those_that_they_contain() -> None:
    text = "held_for(run or held_for(command, 5), 20) and not held_for(frequency < 1, 3)"
    expression = compile_expression(text, NAMES, timed=True)
    assert expression.names == {"run", "command", "frequency"}
    assert [one.seconds for one in expression.held] == [5, 20, 3]
    values: dict[str, Value] = {one.name: True for one in expression.held}
    assert expression.held[1].condition.evaluate({"run": False, **values}) is True
    assert expression.evaluate(values) is False
