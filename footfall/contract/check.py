"""Whether a contract may be merged: nothing that is published changed, and no subscriber breaks. Pure."""

from collections.abc import Iterator, Mapping

import avro.errors
import fastavro

from avro_schemas.evolution import BreakingChange, breaking_changes, is_event, lint, misread, parse, unresolvable
from avro_schemas.schema import Definition
from footfall.contract.files import HEAD, LOCK, Contract, line, subject_of


def faults(contract: Contract, published: Contract | None) -> list[str]:
    """Everything that is wrong, in sentences; `published` is what subscribers rely on, if it is known."""
    found: list[str] = []
    for name, versions in contract.schemas.items():
        invalid = [fault for version in versions for fault in _invalid(name, version, versions[version])]
        found += invalid or [*_version_faults(name, versions, contract), *_lock_faults(name, versions, contract)]
    if published:
        found += _published_faults(contract, published)
    return found


def unlocked(contract: Contract) -> Iterator[tuple[str, int, Definition]]:
    """Subject, version and schema of what has no line in the lock file yet, oldest first."""
    for versions in contract.schemas.values():
        for version, definition in sorted(versions.items()):
            if str(version) not in contract.lock.get(subject_of(definition), {}):
                yield subject_of(definition), version, definition


def next_id(contract: Contract) -> int:
    """An id that no schema ever had."""
    return 1 + max(int(locked["id"]) for versions in contract.lock.values() for locked in versions.values())


def _invalid(name: str, version: int, definition: Definition) -> Iterator[str]:
    try:
        fastavro.parse_schema(definition)
        parse(definition)
    except (ValueError, KeyError, fastavro.schema.SchemaParseException, avro.errors.AvroException) as error:
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
            "`footfall types field --all` adds a field to all events."
        )
    for found in breaking_changes(versions):
        yield f"{name}: {found.describe()}"


def _lock_faults(name: str, versions: Mapping[int, Definition], contract: Contract) -> Iterator[str]:
    for version, definition in versions.items():
        locked = contract.lock.get(subject_of(definition), {}).get(str(version))
        if locked and line(definition, locked["id"]) != locked:
            yield (
                f"{name}.v{version} is published and was edited. Published schemas never change: undo the edit, "
                f"and add {name}.v{max(versions) + 1}.avsc."
            )


def _published_faults(contract: Contract, published: Contract) -> Iterator[str]:
    owners = {
        locked["id"]: (subject, version)
        for subject, lines in published.lock.items()
        for version, locked in lines.items()
    }
    for subject, lines in published.lock.items():
        for version, locked in lines.items():
            if contract.lock.get(subject, {}).get(version) != locked:
                yield f"{subject}, version {version}: its line in {LOCK} was edited or removed. Put it back."
    for subject, lines in contract.lock.items():
        for version, locked in lines.items():
            if owners.get(locked["id"], (subject, version)) != (subject, version):
                yield f"{subject}, version {version}: the id {locked['id']} belongs to another schema."
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
