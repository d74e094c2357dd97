"""The registry answers as Confluent's does: ids, subjects, versions, look-ups, and errors with a code."""

import json
from typing import Any

import httpx
import pytest

from avro_schemas.schema import by_id, latest
from registry.app import MEDIA_TYPE, build_app

PAGE_VIEW = latest()["page_view"]


@pytest.fixture
def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(build_app()), base_url="http://registry")


async def test_every_schema_is_found_by_its_id_with_the_locked_text(client: httpx.AsyncClient) -> None:
    async with client:
        for schema in by_id().values():
            answer = await client.get(f"/schemas/ids/{schema.id}?subject=events-value")
            assert answer.headers["content-type"] == MEDIA_TYPE
            assert answer.json()["schema"] == schema.text
            assert (await client.get(f"/schemas/guids/{schema.guid}")).json()["id"] == schema.id


@pytest.mark.parametrize("subject", ["footfall.PageView", "events-value", "events-footfall.PageView"])
async def test_a_schema_has_subjects_by_record_topic_and_both(client: httpx.AsyncClient, subject: str) -> None:
    async with client:
        # Java prints schemas in its own way: key order and white space may differ.
        text = json.dumps(dict(reversed(PAGE_VIEW.definition.items())), indent=1)
        found = (await client.post(f"/subjects/{subject}?deleted=true", json={"schema": text})).json()
        assert (found["id"], found["schema"]) == (PAGE_VIEW.id, PAGE_VIEW.text)
        registered = await client.post(f"/subjects/{subject}/versions", json={"schema": text})
        assert registered.json() == {"id": PAGE_VIEW.id}
        version = await client.get(f"/subjects/{subject}/versions/{found['version']}")
        assert version.json()["id"] == PAGE_VIEW.id


async def test_a_new_schema_is_rejected_with_how_to_add_it(client: httpx.AsyncClient) -> None:
    async with client:
        answer = await client.post("/subjects/events-value/versions", json={"schema": '"string"'})
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42205)
    assert "lock file" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/schemas/ids/7", 404, 40403),
        ("/schemas/ids/seven", 404, 40403),
        ("/subjects/nobody/versions", 404, 40401),
        ("/subjects/nobody/versions/1", 404, 40401),
        ("/subjects/events-value/versions/99", 404, 40402),
        ("/subjects/events-value/versions/first", 422, 42202),
        ("/no/such/route", 404, 404),
    ],
)
async def test_errors_have_a_code(client: httpx.AsyncClient, path: str, status: int, code: int) -> None:
    async with client:
        answer = await client.get(path)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


async def test_the_fixed_responses_satisfy_clients(client: httpx.AsyncClient) -> None:
    async with client:
        # 405 here would make every client with default settings fail.
        assert (await client.get("/associations/resources/-/events?resourceType=topic")).json() == []
        assert (await client.get("/config/footfall.PageView")).json() == {"compatibilityLevel": "FULL_TRANSITIVE"}
        # The subject has several records: each is compatible with its own versions only.
        assert (await client.get("/config/events-value")).json() == {"compatibilityLevel": "NONE"}
        assert (await client.get("/mode")).json() == {"mode": "READONLY"}
        assert (await client.get("/schemas/types")).json() == ["AVRO"]
        assert "events-value" in (await client.get("/subjects")).json()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/config/events-value"),
        ("PUT", "/mode"),
        ("DELETE", "/subjects/events-value"),
        ("DELETE", "/subjects/events-value/versions/1"),
    ],
)
async def test_nothing_can_be_changed(client: httpx.AsyncClient, method: str, path: str) -> None:
    async with client:
        answer = await client.request(method, path, json={"mode": "IMPORT"})
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42205)
    assert "footfall types lock" in answer.json()["message"]


async def test_all_schemas_are_listed_with_their_subjects(client: httpx.AsyncClient) -> None:
    async with client:
        listed = (await client.get("/schemas")).json()
        assert {entry["id"] for entry in listed} == set(by_id())
        assert {entry["subject"] for entry in listed} == set((await client.get("/subjects")).json())
        assert (await client.get(f"/schemas/guids/{PAGE_VIEW.guid}/ids")).json() == [
            {"context": ".", "id": PAGE_VIEW.id}
        ]
        assert (await client.get("/subjects/events-value/versions/latest/referencedby")).json() == []


def with_field(**field: Any) -> dict[str, str]:
    definition = json.loads(PAGE_VIEW.text)
    definition["fields"].append({"name": "seats", "doc": "Seats."} | field)
    return {"schema": json.dumps(definition)}


@pytest.mark.parametrize("subject", ["footfall.PageView", "events-value"])
@pytest.mark.parametrize("version", ["", "/latest", "/1"])
async def test_a_schema_is_checked_against_those_of_a_subject(
    client: httpx.AsyncClient, subject: str, version: str
) -> None:
    path = f"/compatibility/subjects/{subject}/versions{version}?verbose=true"
    if subject == "events-value" and version:
        path = f"/compatibility/subjects/{subject}/versions?verbose=true"
    async with client:
        fine = (await client.post(path, json=with_field(type=["null", "int"], default=None))).json()
        assert fine == {"is_compatible": True, "messages": []}
        breaking = (await client.post(path, json=with_field(type="int"))).json()
    assert breaking["is_compatible"] is False
    assert "seats" in breaking["messages"][0]


async def test_another_record_cannot_be_the_next_version_of_a_record(client: httpx.AsyncClient) -> None:
    other = {"schema": latest()["user_rate"].text}
    async with client:
        answer = await client.post("/compatibility/subjects/footfall.PageView/versions", json=other)
        elsewhere = await client.post("/compatibility/subjects/events-value/versions", json=other)
    assert answer.json() == {"is_compatible": False}
    assert elsewhere.json() == {"is_compatible": True}
