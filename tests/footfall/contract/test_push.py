"""Schemas are registered elsewhere under the ids that events carry, or it is reported that they are not."""

import json
from typing import Any

import httpx
import pytest

from avro_schemas.schema import by_id
from footfall.contract.push import RemoteRegistry, RemoteRegistryError
from registry.installation import public_topics
from registry.subjects import Subjects

TOPICS = list(public_topics().values())
ENTRIES = Subjects(TOPICS).entries()


class FakeRegistry:
    """What `push` uses of a registry. It takes ids if it `imports`, as Confluent's; else it ignores them, as Apicurio 3.3."""

    def __init__(self, imports: bool) -> None:
        self._imports = imports
        self.mode = "READWRITE"
        self.levels: dict[str, str] = {}
        self._held: dict[tuple[str, str], int] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body: dict[str, Any] = json.loads(request.content or b"{}")
        match request.method, request.url.path.split("/")[1:]:
            case "GET", ["mode", _]:
                return httpx.Response(200, json={"mode": self.mode})
            case "PUT", ["mode", _]:
                self.mode = body["mode"]
                return httpx.Response(200, json=body)
            case "PUT", ["config", subject]:
                self.levels[subject] = body["compatibility"]
                return httpx.Response(200, json=body)
            case "POST", ["subjects", subject]:
                return self._lookup(subject, body["schema"])
            case "POST", ["subjects", subject, "versions"]:
                return self._register(subject, body)
        return httpx.Response(404, json={"error_code": 404, "message": "HTTP 404 Not Found"})

    def _lookup(self, subject: str, schema: str) -> httpx.Response:
        if (subject, schema) not in self._held:
            return httpx.Response(404, json={"error_code": 40403, "message": "Schema not found"})
        return httpx.Response(200, json={"id": self._held[subject, schema]})

    def _register(self, subject: str, body: dict[str, Any]) -> httpx.Response:
        chosen = "id" in body and self._imports
        if chosen and self.mode != "IMPORT":
            return httpx.Response(422, json={"error_code": 42205, "message": "Subject is not in import mode"})
        ids = {schema: number for (_subject, schema), number in self._held.items()}
        given = body["id"] if chosen else ids.get(body["schema"], len(ids) + 1)
        self._held[subject, body["schema"]] = given
        return httpx.Response(200, json={"id": given})


def connected_to(fake: FakeRegistry) -> RemoteRegistry:
    return RemoteRegistry(httpx.Client(transport=httpx.MockTransport(fake), base_url="http://registry"), TOPICS)


def test_an_empty_registry_gets_every_version_under_our_id() -> None:
    fake = FakeRegistry(imports=True)
    remote = connected_to(fake)
    missing = list(remote.versions())
    assert {version.remote_id for version in missing} == {None}
    assert all(remote.push(version).matches for version in missing)
    assert [(s.subject, s.version, s.remote_id) for s in remote.versions()] == [
        (subject, version, schema.id) for subject, version, schema in ENTRIES
    ]
    assert fake.mode == "READWRITE"
    assert fake.levels["footfall.PageView"] == "FULL_TRANSITIVE"
    assert fake.levels["events-value"] == "NONE"


def test_a_registry_that_assigns_ids_of_its_own_does_not_match() -> None:
    remote = connected_to(FakeRegistry(imports=False))
    version = remote.push(next(remote.versions()))
    assert not version.matches
    assert f"events carry {version.schema.id}" in version.describe()
    assert version.remote_id not in by_id()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(401, text="who are you"), "401 who are you"),
        (httpx.Response(502, text="bad gateway"), "502"),
        (httpx.Response(200, text="<html>"), "is this a schema registry"),
    ],
)
def test_an_error_or_another_kind_of_server_is_reported(answer: httpx.Response, says: str) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _request: answer), base_url="http://registry")
    with pytest.raises(RemoteRegistryError, match=says):
        next(RemoteRegistry(http, TOPICS).versions())
