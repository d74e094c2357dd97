"""Schemas go into another registry under the ids that events carry, or it is said that they do not."""

import json
from typing import Any

import httpx
import pytest

from avro_schemas.schema import by_id
from footfall.contract.push import OtherRegistry, Refused
from registry.subjects import Subjects

ENTRIES = Subjects().entries()


class StandIn:
    """The part of a registry that `push` asks. `imports` as Confluent's does; else it ignores ids, as Apicurio 3.3."""

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


def reached(stand_in: StandIn) -> OtherRegistry:
    return OtherRegistry(httpx.Client(transport=httpx.MockTransport(stand_in), base_url="http://registry"))


def test_an_empty_registry_gets_every_version_under_its_id() -> None:
    stand_in = StandIn(imports=True)
    other = reached(stand_in)
    missing = list(other.standings())
    assert {standing.found for standing in missing} == {None}
    assert all(other.push(standing).agrees for standing in missing)
    assert [(s.subject, s.version, s.found) for s in other.standings()] == [
        (subject, version, schema.id) for subject, version, schema in ENTRIES
    ]
    assert stand_in.mode == "READWRITE"
    assert stand_in.levels["footfall.PageView"] == "FULL_TRANSITIVE"
    assert stand_in.levels["events-value"] == "NONE"


def test_a_registry_with_ids_of_its_own_does_not_agree() -> None:
    other = reached(StandIn(imports=False))
    standing = other.push(next(other.standings()))
    assert not standing.agrees
    assert f"events carry {standing.schema.id}" in standing.in_words()
    assert standing.found not in by_id()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx.Response(401, text="who are you"), "401 who are you"),
        (httpx.Response(502, text="bad gateway"), "502"),
        (httpx.Response(200, text="<html>"), "is this a schema registry"),
    ],
)
def test_what_is_no_registry_or_refuses_is_told(answer: httpx.Response, says: str) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _request: answer), base_url="http://registry")
    with pytest.raises(Refused, match=says):
        next(OtherRegistry(http).standings())
