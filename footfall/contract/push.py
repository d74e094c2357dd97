"""Puts the schemas into another registry that speaks Confluent's words, under the ids that the events carry."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from avro_schemas.schema import Schema
from registry.app import MEDIA_TYPE
from registry.subjects import Subjects

Json = dict[str, Any]


class Refused(Exception):
    """The registry answered with an error; the message has its words."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a version of a subject stands in the other registry; `found` is its id there."""

    subject: str
    version: int
    schema: Schema
    found: int | None

    @property
    def agrees(self) -> bool:
        """Whether a subscriber finds there what the event says."""
        return self.found == self.schema.id

    def in_words(self) -> str:
        """A line for people."""
        if self.agrees:
            state = f"id {self.schema.id}"
        elif self.found is None:
            state = f"missing, will be id {self.schema.id}"
        else:
            state = f"has the id {self.found} there, but events carry {self.schema.id}"
        return f"{self.subject}, version {self.version}: {state}"


class OtherRegistry:
    """A registry by its address, which may hold a user and a password. Raise httpx.HTTPError where it is away."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._subjects = Subjects()

    def standings(self) -> Iterator[Standing]:
        """Every version of every subject."""
        for subject, version, schema in self._subjects.entries():
            yield self._standing(subject, version, schema)

    def push(self, missing: Standing) -> Standing:
        """Register a version with our id; how it stands then."""
        subject, schema = missing.subject, missing.schema
        before = self._ask("GET", f"/mode/{subject}", {"defaultToGlobal": "true"}).get("mode", "READWRITE")
        # Ids may be chosen in this mode only; a registry without it gives one of its own, which shows afterwards.
        self._ask("PUT", f"/mode/{subject}", {"force": "true"}, {"mode": "IMPORT"})
        try:
            body = {"schema": schema.text, "id": schema.id, "version": missing.version}
            answer = self._ask("POST", f"/subjects/{subject}/versions", {}, body)
            if "id" not in answer:
                raise Refused(f"{subject}, version {missing.version}: {answer['message']}")
        finally:
            self._ask("PUT", f"/mode/{subject}", {"force": "true"}, {"mode": before})
        level = self._subjects.compatibility_level(subject)
        self._ask("PUT", f"/config/{subject}", {}, {"compatibility": level})
        return self._standing(subject, missing.version, schema)

    def _standing(self, subject: str, version: int, schema: Schema) -> Standing:
        answer = self._ask("POST", f"/subjects/{subject}", {}, {"schema": schema.text})
        return Standing(subject, version, schema, answer.get("id"))

    def _ask(self, method: str, path: str, query: dict[str, str], body: Json | None = None) -> Json:
        """The answer's JSON, that of an error included, where the registry understood the question."""
        headers = {"content-type": MEDIA_TYPE, "accept": MEDIA_TYPE}
        answer = self._http.request(method, path, params=query, json=body, headers=headers)
        if answer.status_code in (401, 403) or answer.status_code >= 500:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict) or (answer.is_error and "error_code" not in found):
            raise Refused(
                f"{method} {path}: {answer.status_code} {answer.text[:99]!r}; is this a schema registry?"
            )
        return found
