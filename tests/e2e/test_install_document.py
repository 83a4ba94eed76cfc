"""docs/install.md is followed to the letter on machines of its own; what it promises is true."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.packages import NEXT, Packages
from tests.machine import ROOT, Machines

pytestmark = [pytest.mark.timeout(900), pytest.mark.installs]
DOCUMENT = ROOT / "docs" / "install.md"
CHECKS = Path(__file__).with_name("installed_site.py")
CHECK = "/opt/plantroom/bin/python /root/installed_site.py"


class Block(NamedTuple):
    section: str
    machine: str
    upgrade: bool
    commands: str


def blocks() -> list[Block]:
    found: list[Block] = []
    section = ""
    pattern = r"^## ([^\n]+)$|^```sh (server|gateway)( upgrade)?\n(.*?)^```$"
    for one in re.finditer(pattern, DOCUMENT.read_text(), re.MULTILINE | re.DOTALL):
        if one[1]:
            section = one[1]
        else:
            found.append(Block(section, one[2], bool(one[3]), one[4]))
    return found


def test_every_command_of_the_document_says_on_which_machine() -> None:
    text = DOCUMENT.read_text()
    assert len(re.findall(r"(?m)^```.+$", text)) == len(blocks())
    sections = re.findall(r"(?m)^## (\d+)\. ", text)
    assert sections == [str(number) for number in range(1, len(sections) + 1)]
    assert {block.section.partition(".")[0] for block in blocks()} == set(sections)


def test_the_document_leads_to_a_site_that_runs(packages: Packages, tmp_path: Path) -> None:
    machines = Machines(tmp_path, ("server", "gateway"))
    machines.put({"/root/": packages.server, "/root/installed_site.py": CHECKS})
    machines.put({"/root/tests/patience.py": ROOT / "tests/patience.py"})
    machines.put({"/root/next.deb": packages.newer(tmp_path)})
    machines.put({"/root/": packages.agent}, on="gateway")
    for block in blocks():
        if block.upgrade:
            machines.run_there(f"{CHECK} running; mv next.deb plantroom_{NEXT}_amd64.deb")
        if block.machine == "gateway":
            machines.carry("/root/gateway.tar", source="server", to="gateway")
        machines.run_there(
            f"echo '== {block.section}'; exec 2>&1; {block.commands}", on=block.machine
        )
        match block.section.partition(". ")[2]:
            case "Reverse proxy":
                machines.run_there(f"{CHECK} page")
            case "A gateway" if block.machine == "gateway":
                machines.run_there(f"{CHECK} gateway")
            case "Back-up":
                machines.run_there("ls /var/backups/plantroom/*Z/manifest.json")
            case "Upgrade" if block.upgrade:
                machines.run_there(f"dpkg-query -W plantroom | grep {NEXT}; {CHECK} running")
            case "Roll back":
                machines.run_there(f"if dpkg-query -W plantroom | grep {NEXT}; then exit 1; fi")
                machines.run_there(f"{CHECK} running; {CHECK} gateway; echo followed to its end")
            case _:
                pass
    said = machines.go()
    assert said.rstrip().endswith("followed to its end"), said[-8000:]
