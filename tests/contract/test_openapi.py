"""The interface is a promise: it changes on purpose, and the snapshot with it.

After a change that is meant: PLANTROOM_WRITE_SNAPSHOT=1 pytest tests/contract/test_openapi.py
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.contract.api.conftest import application

SNAPSHOT = Path(__file__).parent / "golden" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return application().openapi()


def test_the_interface_is_as_promised(document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if os.environ.get("PLANTROOM_WRITE_SNAPSHOT"):
        SNAPSHOT.write_text(text, encoding="utf-8")
    assert json.loads(SNAPSHOT.read_text(encoding="utf-8")) == json.loads(text)


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_operation_ids_are_unique_names(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in _operations(document)]
    assert len(ids) == len(set(ids))
    assert all(name.isidentifier() and not name.endswith("_") for name in ids)


def test_every_error_is_a_typed_problem(document: dict[str, Any]) -> None:
    for method, path, operation in _operations(document):
        if not path.startswith("/api/"):
            continue
        assert {"401", "422"} <= set(operation["responses"]), (method, path)
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(response["content"]) == ["application/problem+json"], (method, path)


def test_every_list_is_paged(document: dict[str, Any]) -> None:
    plain = {
        "/api/v1/alarm-figures",
        "/api/v1/alarm-rules",
        "/api/v1/audit/export",
        "/api/v1/audit/verification",
        "/api/v1/coverage",
        "/api/v1/classes",
        "/api/v1/plans",
        "/api/v1/readings",
        "/api/v1/reports/alarms",
        "/api/v1/reports/repairs",
        "/api/v1/request-faults",
        "/api/v1/reports/workbook",
        "/api/v1/roles",
        "/api/v1/session",
        "/api/v1/session/provider",
        "/api/v1/stream",
        "/api/v1/trends",
        "/api/v1/trends/export",
        "/api/v1/trends/workbook",
        "/api/v1/work-orders/hand-over",
        "/api/v1/work-orders/load",
        "/api/v1/work-orders/parts",
        "/api/v1/work-orders/walk",
    }
    for method, path, operation in _operations(document):
        if method != "get" or "{" in path or path in plain or not path.startswith("/api/"):
            continue
        names = {parameter["name"] for parameter in operation["parameters"]}
        assert {"limit", "cursor"} <= names, path


def test_what_programs_rely_on_is_there(document: dict[str, Any]) -> None:
    there = {(method.upper(), path) for method, path, _ in _operations(document)}
    wanted = {
        ("POST", "/api/v1/session"),
        ("DELETE", "/api/v1/session"),
        ("DELETE", "/api/v1/tokens/{token_id}"),
        ("POST", "/api/v1/users/{user_id}/disable"),
        ("GET", "/api/v1/equipment/{equipment_id}"),
        ("GET", "/api/v1/readings"),
        ("GET", "/api/v1/trends"),
        ("POST", "/api/v1/alarms/{alarm_id}/acknowledge"),
        ("POST", "/api/v1/alarms/{alarm_id}/comments"),
        ("POST", "/api/v1/work-orders/{order_id}/{verb}"),
        ("POST", "/api/v1/messages/{message_id}/send-again"),
        ("GET", "/api/v1/stream"),
    }
    assert wanted <= there
