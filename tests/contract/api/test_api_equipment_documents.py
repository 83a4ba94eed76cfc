"""Documents of equipment: added once, given back, deleted, and off the disk with the last row."""

import os

import pytest
from httpx2 import Response

from server.assets.documents import MOST_DOCUMENTS
from server.assets.model import Equipment, EquipmentDocument
from server.core.attachments import Attachments
from server.workorders.attachments import sweep_attachments
from tests.contract.api.conftest import NOW, Api

PDF = b"%PDF-1.4 the pump's manual"


def send(api: Api, content: bytes, who: str = "administrator", **query: str) -> Response:
    return api.client.post(
        "/api/v1/equipment/1/documents",
        content=content,
        params={"name": "使用说明书.pdf", **query},
        headers=api.bearer(who) | {"Content-Type": "application/pdf"},
    )


def document(pump: Equipment, digest: str) -> EquipmentDocument:
    return EquipmentDocument(
        equipment_id=pump.id,
        name="x",
        media_type="application/pdf",
        size=1,
        sha256=digest,
        added_at=NOW,
        added_by="test",
    )


def listed(api: Api) -> list[str]:
    items = api.get("/equipment/1/documents").json()["items"]
    return [one["name"] for one in items]


def test_a_document_is_added_once_and_given_back(api: Api, pump: Equipment) -> None:
    assert pump.id == 1
    added = send(api, PDF)
    assert added.status_code == 201, added.text
    assert (added.json()["media_type"], added.json()["size"]) == ("application/pdf", len(PDF))
    assert send(api, PDF, name="again").json()["id"] == added.json()["id"]
    assert listed(api) == ["使用说明书.pdf"]
    found = api.get("/equipment/1/documents/1")
    assert found.content == PDF
    assert found.headers["content-disposition"].startswith("attachment")


def test_a_deleted_document_leaves_the_disk_and_what_others_name_stays(
    api: Api, pump: Equipment
) -> None:
    send(api, PDF)
    send(api, b"%PDF-1.4 drawing")
    kept = api.records.read(lambda session: session.get_one(EquipmentDocument, 1).sha256)
    api.records.write(lambda session: session.add(document(pump, kept)))
    for number in (1, 2):
        gone = api.delete(f"/equipment/1/documents/{number}", who="administrator")
        assert gone.status_code == 204, gone.text
    folder = Attachments(api.services.settings.data_dir)
    assert len(folder.stored()) == 2
    for path in folder.stored():
        os.utime(path, (0, 0))
    sweep_attachments(api.records, folder, api.clock)
    assert len(folder.stored()) == 1
    assert api.get("/equipment/1/documents/3").content == PDF


@pytest.mark.parametrize(
    ("content", "query", "refusal"),
    [
        (b"<html>", {}, (422, "expected one of")),
        (b"", {}, (422, "empty")),
        (PDF, {"name": " "}, (422, "name")),
    ],
)
def test_what_is_no_document_is_refused(
    api: Api, pump: Equipment, content: bytes, query: dict[str, str], refusal: tuple[int, str]
) -> None:
    answer = send(api, content, **query)
    assert (answer.status_code, pump.id) == (refusal[0], 1)
    assert refusal[1] in answer.json()["detail"]
    assert listed(api) == []


def test_more_than_there_may_be_are_refused(api: Api, pump: Equipment) -> None:
    rows = [document(pump, str(number)) for number in range(MOST_DOCUMENTS)]
    api.records.write(lambda session: session.add_all(rows))
    assert send(api, PDF).status_code == 409


def test_a_viewer_reads_and_writes_nothing(api: Api, pump: Equipment) -> None:
    send(api, PDF)
    assert api.get("/equipment/1/documents/1", who="viewer").content == PDF
    assert send(api, PDF, who="viewer").status_code == 403
    assert api.delete("/equipment/1/documents/1", who="viewer").status_code == 403
    assert api.get(f"/equipment/{pump.id}/documents/2", who="viewer").status_code == 404
    assert api.get("/equipment/700/documents").status_code == 404
