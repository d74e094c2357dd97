"""The subjects of the registry: which schemas each has, in which versions."""

from typing import Any

import fastavro

from avro_schemas.schema import Schema, by_id
from avro_schemas.topic import all_topics
from registry.errors import RegistryError, schema_not_found, subject_not_found, version_not_found


class Subjects:
    """All schemas by subject. The versions of a subject count up from 1."""

    def __init__(self) -> None:
        self.versions: dict[str, list[Schema]] = {}
        ordered = sorted(by_id().values(), key=lambda schema: (schema.version, schema.id))
        for schema in ordered:
            for subject in _subjects(schema):
                self.versions.setdefault(subject, []).append(schema)

    def of(self, subject: str) -> list[Schema]:
        """The versions of a subject."""
        if subject not in self.versions:
            raise subject_not_found(subject)
        return self.versions[subject]

    def version(self, subject: str, version: str) -> tuple[int, Schema]:
        """A version by its number; the newest for `latest` or -1."""
        held = self.of(subject)
        if version in ("latest", "-1"):
            return len(held), held[-1]
        if not version.isdecimal() or int(version) < 1:
            raise RegistryError(422, 42202, f"The specified version '{version}' is not a valid version id.")
        if int(version) > len(held):
            raise version_not_found(version)
        return int(version), held[int(version) - 1]

    def entries(self) -> list[tuple[str, int, Schema]]:
        """Subject, version and schema of every version of every subject."""
        return [
            (subject, number, schema)
            for subject, held in sorted(self.versions.items())
            for number, schema in enumerate(held, start=1)
        ]

    def compatibility_level(self, subject: str) -> str:
        """NONE for a subject of several records, which are not compatible with each other; each by itself is."""
        records = {schema.subject for schema in self.versions.get(subject, ())}
        return "NONE" if len(records) > 1 else "FULL_TRANSITIVE"

    def schema(self, schema_id: int) -> Schema:
        """The schema of an id."""
        if schema_id not in by_id():
            raise schema_not_found()
        return by_id()[schema_id]

    def by_guid(self, guid: str) -> Schema:
        """The schema of a guid."""
        for schema in by_id().values():
            if schema.guid == guid:
                return schema
        raise schema_not_found()

    def holding(self, schema: Schema) -> list[tuple[str, int]]:
        """The subjects that have a schema, and as which version."""
        return [
            (subject, held.index(schema) + 1) for subject, held in sorted(self.versions.items()) if schema in held
        ]

    def find(self, subject: str, definition: Any) -> tuple[int, Schema]:
        """The version of a subject that is equal to a parsed schema."""
        wanted = _plain(definition)
        for number, schema in enumerate(self.of(subject), start=1):
            if _plain(fastavro.parse_schema(schema.definition)) == wanted:
                return number, schema
        raise schema_not_found()


def _subjects(schema: Schema) -> list[str]:
    """The subjects of a schema under the three naming strategies: record, topic and both."""
    carriers = [topic.name for topic in all_topics().values() if schema.name in topic.schemas]
    names = [schema.subject]
    for topic in carriers:
        names += [f"{topic}-value", f"{topic}-{schema.subject}"]
    return names


def _plain(parsed: Any) -> Any:
    """A parsed schema without what fastavro adds."""
    if isinstance(parsed, dict):
        return {key: _plain(value) for key, value in parsed.items() if not key.startswith("__")}
    if isinstance(parsed, list):
        return [_plain(item) for item in parsed]
    return parsed
