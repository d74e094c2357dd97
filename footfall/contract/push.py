"""Registers the schemas in another registry that has Confluent's API, under the ids that the events carry."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from avro_schemas.schema import Schema
from avro_schemas.topic import Topic
from registry.lenient import MEDIA_TYPE
from registry.subjects import Subjects

Json = dict[str, Any]


class RemoteRegistryError(Exception):
    """The other registry answered with an error, which the message repeats."""


@dataclass(frozen=True, slots=True)
class RemoteVersion:
    """A version of a subject in the other registry; `remote_id` is its id there, None if it is missing."""

    subject: str
    version: int
    schema: Schema
    remote_id: int | None

    @property
    def matches(self) -> bool:
        """Whether the id there is the one in the events."""
        return self.remote_id == self.schema.id

    def describe(self) -> str:
        """A line for people."""
        if self.matches:
            state = f"id {self.schema.id}"
        elif self.remote_id is None:
            state = f"missing, will get id {self.schema.id}"
        else:
            state = f"has id {self.remote_id} there, but events carry {self.schema.id}"
        return f"{self.subject}, version {self.version}: {state}"


class RemoteRegistry:
    """Another registry. Its methods raise httpx.HTTPError if it cannot be reached."""

    def __init__(self, http: httpx.Client, topics: Iterable[Topic]) -> None:
        self._http = http
        self._subjects = Subjects(topics)

    def versions(self) -> Iterator[RemoteVersion]:
        """Every version of every subject that footfall has."""
        for subject, version, schema in self._subjects.entries():
            yield self._find(subject, version, schema)

    def push(self, missing: RemoteVersion) -> RemoteVersion:
        """Register a version with our id. Return it with the id that it got."""
        subject, schema = missing.subject, missing.schema
        before = self._request("GET", f"/mode/{subject}", {"defaultToGlobal": "true"}).get("mode", "READWRITE")
        # Only in this mode can the id be chosen. A registry without it assigns another id, which shows afterwards.
        self._request("PUT", f"/mode/{subject}", {"force": "true"}, {"mode": "IMPORT"})
        try:
            body = {"schema": schema.text, "id": schema.id, "version": missing.version}
            answer = self._request("POST", f"/subjects/{subject}/versions", {}, body)
            if "id" not in answer:
                raise RemoteRegistryError(f"{subject}, version {missing.version}: {answer['message']}")
        finally:
            self._request("PUT", f"/mode/{subject}", {"force": "true"}, {"mode": before})
        level = self._subjects.compatibility_level(subject)
        self._request("PUT", f"/config/{subject}", {}, {"compatibility": level})
        return self._find(subject, missing.version, schema)

    def _find(self, subject: str, version: int, schema: Schema) -> RemoteVersion:
        answer = self._request("POST", f"/subjects/{subject}", {}, {"schema": schema.text})
        return RemoteVersion(subject, version, schema, answer.get("id"))

    def _request(self, method: str, path: str, query: dict[str, str], body: Json | None = None) -> Json:
        """The JSON of the answer, which may be an error in the registry's own format."""
        headers = {"content-type": MEDIA_TYPE, "accept": MEDIA_TYPE}
        answer = self._http.request(method, path, params=query, json=body, headers=headers)
        if answer.status_code in (401, 403) or answer.status_code >= 500:
            raise RemoteRegistryError(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict) or (answer.is_error and "error_code" not in found):
            raise RemoteRegistryError(
                f"{method} {path}: {answer.status_code} {answer.text[:99]!r}; is this a schema registry?"
            )
        return found
