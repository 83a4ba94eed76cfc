"""The agent file that polls exactly one simulated estate."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from config.ports import Framing
from simulators.estate import (
    CentreEndpoint,
    Endpoint,
    Estate,
    MeterLineEndpoint,
    PtyEndpoint,
    ReaderLineEndpoint,
    TcpEndpoint,
    Unit,
    points_of,
)
from simulators.simulation import Address

_TIMEOUT_S = 0.5
_METER_TIMEOUT_S = 1.5


def agent_file_for(
    estate: Estate,
    addresses: Mapping[str, Address],
    *,
    mqtt: Mapping[str, object] | None = None,
    **sections: Mapping[str, object],
) -> dict[str, Any]:
    """Return the content of an agent file; ``agent_file_text`` makes it a file.

    Args:
        estate: The estate.
        addresses: Where its endpoints are (``Simulation.addresses``, or of the ready line).
        mqtt: Section ``mqtt``: host, port, ...
        sections: Other sections as they are, for example ``status={"port": 0}``.
    """
    devices = {name: _device(unit) for name, unit in estate.units.items()}
    linkages = {
        name: linkage.model_dump(mode="json", exclude_defaults=True)
        for name, linkage in estate.linkages.items()
    }
    ports = {
        name: _port(endpoint, addresses[name], _readers(estate, name))
        for name, endpoint in estate.endpoints.items()
    }
    return {
        "site": estate.site,
        "gateway": estate.gateway,
        "mqtt": dict(mqtt or {}),
        **{key: dict(section) for key, section in sections.items()},
        # Simulated equipment runs on a machine of its own, whose clock need not be waited for.
        "uplink": {"clock_grace_s": 0, **sections.get("uplink", {})},
        "ports": ports,
        "devices": devices,
        **({"linkages": linkages} if linkages else {}),
    }


def agent_file_text(content: Mapping[str, Any]) -> str:
    """Return the text of the file; JSON is YAML."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def addresses_of(ready: Mapping[str, Any]) -> dict[str, Address]:
    """Return the addresses in the ready line of ``plantroom simulate run``."""
    return {name: Address(**address) for name, address in ready["endpoints"].items()}


def fixed_addresses(estate: Estate) -> dict[str, Address]:
    """Return the addresses that the estate file itself fixes; a free port stays 0."""
    return {
        name: Address(endpoint.kind, host=endpoint.host, port=endpoint.port)
        if isinstance(endpoint, TcpEndpoint | CentreEndpoint)
        else Address(endpoint.kind, path=str(endpoint.path.absolute()))
        for name, endpoint in estate.endpoints.items()
    }


def _port(endpoint: Endpoint, address: Address, readers: Sequence[int]) -> dict[str, object]:
    if isinstance(endpoint, PtyEndpoint):
        return {
            "kind": "modbus_rtu",
            "device": address.path,
            "baud": endpoint.baud,
            # A pty refuses parity; the simulated bytes still take 11 bits.
            "parity": "N",
            "timeout_s": _TIMEOUT_S,
            **_framing(endpoint),
        }
    if isinstance(endpoint, MeterLineEndpoint):
        return {
            "kind": endpoint.framing,
            "device": address.path,
            "baud": endpoint.baud,
            "parity": "N",
            "timeout_s": _METER_TIMEOUT_S,
        }
    if isinstance(endpoint, CentreEndpoint):
        return {"kind": address.kind, "host": address.host, "port": address.port}
    if isinstance(endpoint, ReaderLineEndpoint):
        return {
            "kind": "osdp",
            "device": address.path,
            "key_file": str(endpoint.key_file.absolute()),
            "readers": {number: {} for number in readers},
        }
    return {
        "kind": address.kind,
        "host": address.host,
        "port": address.port,
        "timeout_s": _TIMEOUT_S,
        **_framing(endpoint),
    }


def _readers(estate: Estate, endpoint: str) -> list[int]:
    found = [unit.osdp for unit in estate.units.values() if unit.endpoint == endpoint]
    return [one.number for one in found if one is not None]


def _framing(endpoint: PtyEndpoint | TcpEndpoint) -> dict[str, object]:
    return {} if endpoint.framing is Framing.RTU else {"framing": endpoint.framing.value}


def _unit_number(unit: Unit) -> int | None:
    return unit.osdp.number if unit.osdp else unit.unit


def _device(unit: Unit) -> dict[str, object]:
    if unit.fire is not None:
        return {
            "port": unit.endpoint,
            "source": unit.fire.source,
            "name": unit.name.model_dump(),
        }
    device: dict[str, object] = {
        "port": unit.endpoint,
        **({"meter": unit.wire.address} if unit.wire else {"unit": _unit_number(unit)}),
        "name": unit.name.model_dump(),
        "period_s": unit.period_s,
    }
    if unit.cjt188 is not None:
        meter = unit.cjt188
        device["cjt188"] = {
            "type": f"{meter.type:02X}",
            **meter.model_dump(mode="json", exclude={"type", "address"}),
        }
    if unit.profile is not None:
        device["profile"] = unit.profile
    if unit.equipment_class is not None:
        device["class"] = unit.equipment_class
    own = points_of(unit) if unit.equipment == "counter" else unit.points
    if own:
        device["points"] = {
            name: point.model_dump(mode="json", exclude_defaults=True)
            for name, point in own.items()
        }
    return device
