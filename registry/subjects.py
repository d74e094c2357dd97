"""The subjects of the registry: which schemas each has, in which versions."""

from collections.abc import Iterable
from typing import Any

from avro_schemas.schema import Schema, by_id
from avro_schemas.topic import Topic
from registry.contexts import ANY, DEFAULT, is_default, split
from registry.errors import (
    RegistryError,
    level_not_configured,
    mode_not_configured,
    schema_not_found,
    subject_not_found,
    version_not_found,
)
from registry.requests import parse

_LATEST = ("latest", "-1")
_MAX_VERSION_DIGITS = 10


class Subjects:
    """All schemas by subject. The versions of a subject count up from 1."""

    def __init__(self, topics: Iterable[Topic]) -> None:
        carriers = list(topics)
        self.versions: dict[str, list[Schema]] = {}
        ordered = sorted(by_id().values(), key=lambda schema: (schema.version, schema.id))
        for schema in ordered:
            for subject in _subjects(schema, carriers):
                self.versions.setdefault(subject, []).append(schema)
        self._parsed = {schema.id: parse(schema.definition) for schema in ordered}

    def of(self, subject: str) -> list[Schema]:
        """The versions of a subject."""
        context, name = split(subject)
        if context != DEFAULT or name not in self.versions:
            raise subject_not_found(subject)
        return self.versions[name]

    def names(self, prefix: str) -> list[str]:
        """The subjects whose name begins with a prefix, which may be qualified with a context."""
        context, start = split(prefix)
        return (
            sorted(name for name in self.versions if name.startswith(start)) if context in (DEFAULT, ANY) else []
        )

    def version(self, subject: str, version: str) -> tuple[int, Schema]:
        """A version by its number; the newest for `latest` or -1."""
        held = self.of(subject)
        if version in _LATEST:
            return len(held), held[-1]
        # Python refuses to read numbers of thousands of digits.
        is_number = version.isascii() and version.isdecimal() and len(version) <= _MAX_VERSION_DIGITS
        if not is_number or int(version) < 1:
            raise RegistryError(422, 42202, f"The specified version '{version[:100]}' is not a valid version id.")
        if int(version) > len(held):
            raise version_not_found(version)
        return int(version), held[int(version) - 1]

    def compared(self, subject: str, version: str, record: str | None) -> list[tuple[int, Schema]]:
        """The versions that a new schema of a record is compared with.

        In a subject of several records those are the versions of the same record, and the latest one of these.
        """
        everything = list(enumerate(self.of(subject), start=1))
        chosen = [self.version(subject, version)] if version else everything
        if not self.has_several_records(subject):
            return chosen
        of_record = [(number, schema) for number, schema in everything if schema.subject == record]
        if version in _LATEST:
            return of_record[-1:]
        return [entry for entry in of_record if entry in chosen]

    def has_several_records(self, subject: str) -> bool:
        """Whether a subject has versions of several records, as one of a topic can have."""
        return len({schema.subject for schema in self.of(subject)}) > 1

    def entries(self, prefix: str = "", *, latest_only: bool = False) -> list[tuple[str, int, Schema]]:
        """Subject, version and schema of every version, or of the latest, of every subject with a prefix."""
        return [
            (subject, number, schema)
            for subject in self.names(prefix)
            for number, schema in enumerate(self.versions[subject], start=1)
            if not latest_only or number == len(self.versions[subject])
        ]

    def compatibility_level(self, subject: str, *, default_to_global: bool = False) -> str:
        """NONE for a subject of several records, which are not compatible with each other; each by itself is."""
        if self._has_own_settings(subject):
            return "NONE" if self.has_several_records(subject) else "FULL_TRANSITIVE"
        if default_to_global or _is_whole_context(subject):
            return "FULL_TRANSITIVE"
        raise level_not_configured(subject)

    def mode(self, subject: str, *, default_to_global: bool = False) -> str:
        """Nothing can be written under any subject."""
        if self._has_own_settings(subject) or default_to_global or _is_whole_context(subject):
            return "READONLY"
        raise mode_not_configured(subject)

    def _has_own_settings(self, subject: str) -> bool:
        context, name = split(subject)
        return context == DEFAULT and name in self.versions

    def schema(self, schema_id: int, subject: str = "") -> Schema:
        """The schema of an id. A subject only says in which context to look."""
        if schema_id not in by_id() or not is_default(subject):
            raise schema_not_found(schema_id)
        return by_id()[schema_id]

    def max_id(self) -> int:
        """The highest id."""
        return max(by_id())

    def by_guid(self, guid: str) -> Schema:
        """The schema of a guid."""
        for schema in by_id().values():
            if schema.guid == guid.lower():
                return schema
        raise schema_not_found(guid)

    def holding(self, schema: Schema) -> list[tuple[str, int]]:
        """The subjects that have a schema, and as which version."""
        return [
            (subject, held.index(schema) + 1) for subject, held in sorted(self.versions.items()) if schema in held
        ]

    def find(self, subject: str, definition: Any) -> tuple[int, Schema]:
        """The version of a subject that is equal to a parsed schema."""
        for number, schema in enumerate(self.of(subject), start=1):
            if self._parsed[schema.id] == definition:
                return number, schema
        raise schema_not_found()


def _subjects(schema: Schema, carriers: Iterable[Topic]) -> list[str]:
    """The subjects of a schema under the three naming strategies: record, topic and both."""
    names = [schema.subject]
    for topic in carriers:
        if schema.name in topic.schemas:
            names += [f"{topic.name}-value", f"{topic.name}-{schema.subject}"]
    return names


def _is_whole_context(subject: str) -> bool:
    return is_default(subject) and not split(subject)[1]
