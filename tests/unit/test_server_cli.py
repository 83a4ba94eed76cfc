"""plantroom server init and check."""

import sqlite3
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from plantroom.__main__ import main
from server.__main__ import cli


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "server.yaml"
    path.write_text("data_dir: data\n")
    (tmp_path / "password").write_text("correct horse battery\n")
    return path


def init(file: Path, *options: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["init", str(file), *options], input=text)


def people(file: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(file.parent / "data" / "records.sqlite") as database:
        return database.execute("SELECT name, role FROM users ORDER BY id").fetchall()


def from_file(file: Path, user: str = "admin") -> list[str]:
    return ["--user", user, "--password-file", str(file.parent / "password")]


def test_init_makes_the_first_administrator_and_a_token(file: Path) -> None:
    done = init(file, *from_file(file), "--token")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1].startswith("plt_")
    assert people(file) == [("admin", "administrator")]


def test_init_asks_for_what_it_was_not_told(file: Path) -> None:
    done = init(file, text="zhang\npump room number 2\npump room number 2\n")
    assert done.exit_code == 0, done.output
    assert people(file) == [("zhang", "administrator")]
    assert "pump room number 2" not in done.output


@pytest.mark.long
def test_init_may_be_repeated_but_not_with_another_password(file: Path) -> None:
    init(file, *from_file(file))
    again = init(file, *from_file(file))
    assert (again.exit_code, "was there already" in again.output) == (0, True)
    (file.parent / "password").write_text("another horse far away")
    other = init(file, *from_file(file))
    assert other.exit_code == 1
    assert "exists with another password" in other.output
    assert len(people(file)) == 1


def test_an_empty_file_is_no_new_password(file: Path) -> None:
    init(file, *from_file(file))
    (file.parent / "empty").write_text("")
    asked = ["reset-password", str(file), "admin", "--password-file", str(file.parent / "empty")]
    done = CliRunner().invoke(cli, asked)
    assert (done.exit_code, "15 to 256 characters" in done.output) == (1, True)


def test_a_short_password_is_refused(file: Path) -> None:
    (file.parent / "password").write_text("short")
    done = init(file, *from_file(file))
    assert done.exit_code == 1
    assert "15 to 256" in done.output


@pytest.mark.parametrize("verb", ["check", "run", "init"])
@pytest.mark.parametrize("text", ["http: {prot: 1}\n", "nonsense: 1\n", "a: [\n"])
def test_a_wrong_file_ends_with_status_2(file: Path, verb: str, text: str) -> None:
    file.write_text(text)
    done = CliRunner().invoke(cli, [verb, str(file)])
    assert done.exit_code == 2
    assert "server.yaml" in done.output


def test_a_missing_secret_ends_with_status_2(file: Path) -> None:
    file.write_text("messages: {webhooks: [{name: hook, url: 'http://x/', secret_file: gone}]}\n")
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert done.exit_code == 2
    assert "gone" in done.output


def test_a_right_file_is_called_right(file: Path) -> None:
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert done.exit_code == 0
    assert "right" in done.output


def test_what_a_right_file_means_is_said_and_what_looks_wrong(file: Path) -> None:
    file.write_text("mqtt: {host: broker.lan, tls: {ca_file: gone.pem}}\n")
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert done.exit_code == 0
    assert "broker  broker.lan:1883, TLS, anonymous, host id plantroom" in done.output
    assert f"note    {file.parent}/gone.pem does not exist (mqtt.tls.ca_file: " in done.output


@pytest.mark.parametrize(
    "text",
    [
        "http: {host: '0.0.0.0:80'}\n",
        "http: {host: 10.0.0.300}\n",
        "messages: {allow_hosts: ['http://hooks.lan']}\n",
    ],
)
def test_a_host_is_a_host(file: Path, text: str) -> None:
    file.write_text(text)
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert done.exit_code == 2
    assert "server.yaml:1:" in done.output


def test_days_for_a_class_that_nobody_knows_are_refused(file: Path) -> None:
    file.write_text("history: {keep: {classes: {lihgting: 30}}}\n")
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert (done.exit_code, "keep.classes: no class 'lihgting'" in done.output) == (2, True)
    file.write_text("history: {keep: {classes: {lighting: 30}}}\n")
    done = CliRunner().invoke(cli, ["check", str(file)])
    assert done.exit_code == 0, done.output


def test_unknown_roles_are_refused(file: Path) -> None:
    done = CliRunner().invoke(cli, ["run", str(file), "--roles", "api,kitchen"])
    assert done.exit_code == 2
    assert "ingest, api, jobs" in done.output


@pytest.mark.parametrize("verb", ["check", "run", "init"])
def test_help_teaches_with_an_example(verb: str) -> None:
    done = CliRunner().invoke(cli, [verb, "--help"])
    assert f"Example: plantroom server {verb}" in done.output


PEOPLE = """
persons:
  wang: {name: 王伟, channels: [{channel: duty}]}
rosters:
  house:
    name: 值班
    shifts: [{start: "08:00", end: "END", persons: [wang]}]
"""


def take_over(file: Path, text: str) -> Result:
    (file.parent / "secret").write_text("whsec_" + "A" * 44)
    hook = "{name: duty, url: 'http://127.0.0.1:9/', secret_file: secret}"
    file.write_text(f"data_dir: data\nmessages: {{webhooks: [{hook}]}}\n")
    path = file.parent / "people.yaml"
    path.write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["people", str(file), str(path)])


def test_people_are_taken_over_and_may_be_again(file: Path) -> None:
    for _ in range(2):
        done = take_over(file, PEOPLE.replace("END", "08:00"))
        assert (done.exit_code, "taken over" in done.output) == (0, True), done.output
    with sqlite3.connect(file.parent / "data" / "records.sqlite") as database:
        assert database.execute("SELECT key, version FROM persons").fetchall() == [("wang", 1)]


@pytest.mark.parametrize("option", ["accept_gaps", "accept_holes"])
def test_people_who_leave_hours_empty_are_refused_unless_that_is_meant(
    file: Path, option: str
) -> None:
    refused = take_over(file, PEOPLE.replace("END", "20:00"))
    assert refused.exit_code == 1
    assert "Nobody is on duty every day from 20:00 to 08:00" in refused.output
    accepted = take_over(file, PEOPLE.replace("END", "20:00") + f"    {option}: true\n")
    assert accepted.exit_code == 0
    assert "warning: Nobody is on duty every day from 20:00 to 08:00" in accepted.output


def test_a_file_of_people_says_the_line_of_what_is_wrong(file: Path) -> None:
    wrong = take_over(file, PEOPLE.replace("END", "20:00").replace("[wang]", "[wu]"))
    assert wrong.exit_code == 2
    assert "people.yaml:7: rosters.house.shifts.0.persons.0: no person 'wu'" in wrong.output


def _commands(group: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(group, click.Group):
        return [path]
    context = click.Context(group)
    found = [path]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found += _commands(command, (*path, name))
    return found


@pytest.mark.parametrize("command", _commands(main), ids=" ".join)
def test_every_help_is_for_people(command: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(main, [*command, "--help"])
    assert answer.exit_code == 0
    assert "\\b" not in answer.output
    assert "\b" not in answer.output
    assert not answer.output.endswith("Commands:\n")


@pytest.mark.parametrize("address", ["138", "wang@example.org", "010-62345678"])
def test_an_address_that_is_none_for_its_channel_is_refused(file: Path, address: str) -> None:
    (file.parent / "key").write_text("secret")
    sms = "{kind: aliyun_sms, access_key_id: x, access_key_secret_file: key, sign_name: a, "
    sms += "template: SMS_1, parameters: [estate]}"
    file.write_text(f"data_dir: data\nmessages: {{channels: {{sms: {sms}}}}}\n")
    path = file.parent / "people.yaml"
    person = f"{{name: 王伟, channels: [{{channel: sms, address: '{address}'}}]}}"
    path.write_text(f"persons: {{wang: {person}}}\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["people", str(file), str(path)])
    assert done.exit_code == 1
    assert f"persons.wang.channels.0.address: '{address}' is no mobile number" in done.output
