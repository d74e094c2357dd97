"""Whether a contract may be published: nothing that is published changed, and no subscriber breaks. Pure.

`own_faults` also compares a team's own contract with the shipped one. Services ask it at every start.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import avro.errors
import fastavro

from avro_schemas.contract import HEAD, LOCK, Contract, Definition, is_event, line, lines, subject_of
from avro_schemas.evolution import BreakingChange, breaking_changes, lint, misread, parse, unresolvable
from avro_schemas.own_types import event_data_of, own_type_faults, plain_type

# Ids below are footfall's, the others a team's: so neither ever takes one of the other's.
FIRST_OWN_ID = 10_000
_LAST_ID = 2**31 - 1


def faults(contract: Contract, published: Contract | None, *, is_own: bool = False) -> list[str]:
    """Everything that is wrong, in sentences; `published` is what subscribers rely on, if it is known."""
    found: list[str] = []
    for name, versions in contract.schemas.items():
        invalid = [fault for version in versions for fault in _invalid(name, version, versions[version])]
        found += invalid or [*_version_faults(name, versions, contract), *_edited(name, versions, contract)]
    found += [*_id_faults(contract, is_own=is_own), *_unreadable(contract)]
    if not any(_all_invalid(contract)):
        found += field_type_faults(contract)
    if published:
        found += _published_faults(contract, published)
    return found


def own_faults(own: Contract, shipped: Contract, published: Contract | None = None) -> list[str]:
    """The same for a team's own contract, and where it clashes with the shipped one."""
    found = []
    if own.head and own.head != shipped.head:
        found.append(f"{HEAD} is not that of this footfall. Remove it: the head of all events is footfall's.")
    own = replace(own, head=shipped.head)
    found += faults(own, published, is_own=True)
    if not any(_all_invalid(own)):
        found += own_type_faults(own, shipped)
        # What both have wrong by themselves was found above.
        merged = replace(shipped, schemas={**shipped.schemas, **own.schemas})
        found += [fault for fault in field_type_faults(merged) if fault not in found]
    return found


def unlocked(contract: Contract) -> Iterator[tuple[str, int, Definition]]:
    """Subject, version and schema of what has no line in the lock file yet, oldest first."""
    for versions in contract.schemas.values():
        for version, definition in sorted(versions.items()):
            if str(version) not in contract.lock.get(subject_of(definition), {}):
                yield subject_of(definition), version, definition


def unlocked_faults(contract: Contract) -> list[str]:
    """The same in sentences: without an id nothing can be written."""
    return [
        f"{subject}, version {version}, has no id yet: run `footfall types lock`."
        for subject, version, _definition in unlocked(contract)
    ]


def next_id(contract: Contract, *, is_own: bool = False) -> int:
    """An id that no schema ever had."""
    return 1 + max([FIRST_OWN_ID - 1 if is_own else 0, *(schema_id for _s, _v, schema_id in lines(contract.lock))])


def field_type_faults(contract: Contract) -> list[str]:
    """Fields of `event_data` that have several types: one SQL column reads a field of all event types."""
    found, types = [], dict[str, tuple[str, str]]()
    for name, versions in contract.schemas.items():
        for version, definition in sorted(versions.items()):
            for field in event_data_of(definition) if is_event(definition) else ():
                kind, where = plain_type(field["type"]), f"{name}.v{version}"
                other, first = types.setdefault(field["name"], (kind, where))
                if kind != other:
                    found.append(
                        f"{where}: {field['name']} is {kind}, and {other} in {first}. A field of event_data has "
                        "one type over all event types: take another name."
                    )
    return found


def _all_invalid(contract: Contract) -> Iterator[str]:
    for name, versions in contract.schemas.items():
        for version, definition in versions.items():
            yield from _invalid(name, version, definition)


def _invalid(name: str, version: int, definition: Definition) -> Iterator[str]:
    try:
        fastavro.parse_schema(definition)
        parse(definition)
    except (
        ValueError,
        KeyError,
        TypeError,
        fastavro.schema.SchemaParseException,
        avro.errors.AvroException,
    ) as error:
        yield f"{name}.v{version}: not a valid Avro schema: {error}"


def _version_faults(name: str, versions: Mapping[int, Definition], contract: Contract) -> Iterator[str]:
    if sorted(versions) != list(range(1, len(versions) + 1)):
        yield f"{name}: the versions must count up from 1, not {', '.join(map(str, sorted(versions)))}."
    newest = max(versions)
    for fault in lint(versions[newest]):
        yield f"{name}.v{newest}: {fault}"
    if is_event(versions[newest]) and versions[newest]["fields"][:-1] != contract.head:
        yield (
            f"{name}.v{newest}: the fields before event_data must be those of {HEAD}, as in every event. "
            "`footfall types field --all` adds a field to all events; `footfall types head` gives types of your "
            "own the head of this footfall."
        )
    for found in breaking_changes(versions):
        yield f"{name}: {found.describe()}"


def _edited(name: str, versions: Mapping[int, Definition], contract: Contract) -> Iterator[str]:
    for version, definition in versions.items():
        locked = contract.lock.get(subject_of(definition), {}).get(str(version))
        if locked and line(definition, locked["id"]) != locked:
            yield (
                f"{name}.v{version} is published and was edited. Published schemas never change: undo the edit, "
                f"and add {name}.v{max(versions) + 1}.avsc."
            )


def _unreadable(contract: Contract) -> Iterator[str]:
    """Lines of the lock file without a schema: values that were written with it could not be read."""
    there = {
        (subject_of(definition), str(version))
        for versions in contract.schemas.values()
        for version, definition in versions.items()
    }
    for subject, version, _schema_id in lines(contract.lock):
        if (subject, version) not in there:
            yield f"{subject}, version {version}, is in {LOCK}, and its schema is not there. Put the file back."


def _id_faults(contract: Contract, *, is_own: bool) -> Iterator[str]:
    owners: dict[int, str] = {}
    for subject, version, schema_id in lines(contract.lock):
        who = f"{subject}, version {version}"
        if schema_id in owners:
            yield f"{who}: the id {schema_id} is that of {owners[schema_id]}. Remove its line, and lock it again."
        elif is_own and not FIRST_OWN_ID <= schema_id <= _LAST_ID:
            yield (
                f"{who}: the id {schema_id} is not one of yours: those below {FIRST_OWN_ID:,} are footfall's. "
                "Remove its line, and run `footfall types lock`."
            )
        elif not is_own and not 0 < schema_id < FIRST_OWN_ID:
            yield f"{who}: the id {schema_id} is a team's: footfall's own are below {FIRST_OWN_ID:,}."
        owners.setdefault(schema_id, who)


def _published_faults(contract: Contract, published: Contract) -> Iterator[str]:
    owners = {schema_id: (subject, version) for subject, version, schema_id in lines(published.lock)}
    for subject, versions in published.lock.items():
        for version, locked in versions.items():
            if contract.lock.get(subject, {}).get(version) != locked:
                yield f"{subject}, version {version}: its line in {LOCK} was edited or removed. Put it back."
    for subject, version, schema_id in lines(contract.lock):
        if owners.get(schema_id, (subject, version)) != (subject, version):
            yield f"{subject}, version {version}: the id {schema_id} belongs to another schema."
    for name, schemas in published.schemas.items():
        for number, before in schemas.items():
            after = contract.schemas.get(name, {}).get(number)
            if after is None:
                yield f"{name}.v{number}.avsc was removed: nobody could read the values that were written with it."
            elif after != before and not any(_invalid(name, number, after)):
                yield from _edit_faults(name, number, before, after)


def _edit_faults(name: str, version: int, before: Definition, after: Definition) -> Iterator[str]:
    """What an edit of a published schema would break as a version of its own."""
    made = version + 1
    found = [BreakingChange(version, made, problem) for problem in unresolvable(before, after)]
    found += [BreakingChange(made, version, problem) for problem in unresolvable(after, before)]
    found += [BreakingChange(version, made, problem) for problem in misread(before, after)]
    for each in found:
        yield f"{name}: the edit would break subscribers as version {made} too. {each.describe()}"
