"""Which schema stands under which name, in which version."""

from typing import Any

import fastavro

from avro_schemas.schema import Schema, by_id
from avro_schemas.topic import all_topics
from registry.errors import RegistryError, schema_not_found, subject_not_found, version_not_found


class Subjects:
    """All schemas by subject; a subject's versions count up from 1."""

    def __init__(self) -> None:
        self.versions: dict[str, list[Schema]] = {}
        ordered = sorted(by_id().values(), key=lambda schema: (schema.version, schema.id))
        for schema in ordered:
            for subject in _names(schema):
                self.versions.setdefault(subject, []).append(schema)

    def of(self, subject: str) -> list[Schema]:
        """The versions of a subject."""
        if subject not in self.versions:
            raise subject_not_found(subject)
        return self.versions[subject]

    def version(self, subject: str, version: str) -> tuple[int, Schema]:
        """A version by its number, or the newest for `latest` (and -1)."""
        held = self.of(subject)
        if version in ("latest", "-1"):
            return len(held), held[-1]
        if not version.isdecimal() or int(version) < 1:
            raise RegistryError(422, 42202, f"The specified version '{version}' is not a valid version id.")
        if int(version) > len(held):
            raise version_not_found(version)
        return int(version), held[int(version) - 1]

    def entries(self) -> list[tuple[str, int, Schema]]:
        """Subject, version and schema of all there is."""
        return [
            (subject, number, schema)
            for subject, held in sorted(self.versions.items())
            for number, schema in enumerate(held, start=1)
        ]

    def compatibility_level(self, subject: str) -> str:
        """A subject of several records cannot be compatible in itself; each of the records is."""
        records = {schema.subject for schema in self.versions.get(subject, ())}
        return "NONE" if len(records) > 1 else "FULL_TRANSITIVE"

    def schema(self, schema_id: int) -> Schema:
        """The schema that an id names."""
        if schema_id not in by_id():
            raise schema_not_found()
        return by_id()[schema_id]

    def by_guid(self, guid: str) -> Schema:
        """The schema that a guid names."""
        for schema in by_id().values():
            if schema.guid == guid:
                return schema
        raise schema_not_found()

    def holding(self, schema: Schema) -> list[tuple[str, int]]:
        """Subjects and versions under which a schema stands."""
        return [
            (subject, held.index(schema) + 1) for subject, held in sorted(self.versions.items()) if schema in held
        ]

    def find(self, subject: str, definition: Any) -> tuple[int, Schema]:
        """The version of a subject that means the same as a parsed schema."""
        wanted = _meaning(definition)
        for number, schema in enumerate(self.of(subject), start=1):
            if _meaning(fastavro.parse_schema(schema.definition)) == wanted:
                return number, schema
        raise schema_not_found()


def _names(schema: Schema) -> list[str]:
    """Under record, topic and topic-record naming."""
    carriers = [topic.name for topic in all_topics().values() if schema.name in topic.schemas]
    names = [schema.subject]
    for topic in carriers:
        names += [f"{topic}-value", f"{topic}-{schema.subject}"]
    return names


def _meaning(parsed: Any) -> Any:
    """A parsed schema without what fastavro adds for itself."""
    if isinstance(parsed, dict):
        return {key: _meaning(value) for key, value in parsed.items() if not key.startswith("__")}
    if isinstance(parsed, list):
        return [_meaning(item) for item in parsed]
    return parsed
