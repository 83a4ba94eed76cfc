"""The device files of a table of one device or several, and what the agent file says of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from config.errors import ConfigError
from edge_agent.commissioning.device_file import flow, write_device_file
from edge_agent.commissioning.point_table.devices import device_ids
from edge_agent.commissioning.point_table.outcome import Imported


class DeviceFile(NamedTuple):
    """A device of a table.

    Args:
        path: Its device file; devices with the same points share one.
        device: Its identifier in the agent file; empty where the table holds one device.
        imported: Its points.
    """

    path: Path
    device: str
    imported: Imported

    @property
    def suffix(self) -> str:
        """Which device it is, where the table holds several."""
        if not self.device:
            return ""
        unit = "" if self.imported.unit is None else f", unit {self.imported.unit}"
        return f" ({self.imported.name or self.device}{unit})"


def write_files(
    folder: Path, head: Mapping[str, str], imported: Imported, *, force: bool
) -> list[DeviceFile]:
    """Write a device file for each device of a table; none is written when one cannot be.

    Raises:
        ConfigError: A file exists, is wrong or cannot be written.
    """
    devices = [one for one in imported.devices if one.points]
    if not devices:
        path = write_device_file(folder, head, imported.points, force=force)
        return [DeviceFile(path, "", imported)]
    ids = device_ids(head["profile"], devices)
    same = all(one.points == devices[0].points for one in devices)
    profiles = [head["profile"]] * len(ids) if same else ids
    there = [one for one in profiles if (folder / f"{one}.yaml").exists() and not force]
    if there:
        raise ConfigError(f"{folder / there[0]}.yaml: exists already; --force replaces it")
    found: list[DeviceFile] = []
    fresh = [path for path in _paths(folder, profiles) if not path.exists()]
    try:
        for path, device, one in zip(_paths(folder, profiles), ids, devices, strict=True):
            if not same or not found:
                named = {**head, "profile": path.stem}
                write_device_file(folder, named, one.points, force=force)
            found.append(DeviceFile(path, device, one))
    except ConfigError:
        for path in fresh:
            path.unlink(missing_ok=True)
        raise
    return found


def _paths(folder: Path, profiles: Sequence[str]) -> list[Path]:
    return [folder / f"{profile}.yaml" for profile in profiles]


def agent_file(files: Sequence[DeviceFile]) -> list[str]:
    """Return what the agent file says of several devices; empty for one."""
    if not files[0].device:
        return []
    lines = ["for the agent file:", "devices:"]
    for one in files:
        name = json.dumps(one.imported.name or one.device, ensure_ascii=False)
        unit = "?" if one.imported.unit is None else one.imported.unit
        lines.append(
            f"  {flow(one.device)}: {{port: PORT, unit: {unit}, profile: {flow(one.path.stem)}, "
            f"name: {{en: {name}, zh: {name}}}}}"
        )
    if any(one.imported.unit is None for one in files):
        lines.append("note: the table does not name the units of its devices: write them for ?")
    return lines
