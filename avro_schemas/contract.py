"""A contract as values: schemas, examples, custom events and lock file, read from the files of one folder.

footfall ships one (`FOLDER`), and a team can have another with event types of its own. Both have the same layout.
The files of a team's may also lie side by side, as a ConfigMap mounts them.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

Definition = dict[str, Any]
Field = dict[str, Any]
Line = dict[str, Any]
# Subject -> version -> line
Lock = dict[str, dict[str, Line]]

FOLDER = Path(__file__).parent
LOCK = "lock.json"
CUSTOM_EVENTS = "custom_events.yaml"
# The fields that every event begins with: new versions are made with it, published schemas stay whole.
HEAD = "schemas/_head.json"

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_VERSIONED = re.compile(r"(?P<name>[a-z][a-z0-9_]*)\.v(?P<version>[1-9][0-9]{0,3})\.(?P<kind>avsc|json)")
_FOLDERS = {"avsc": "schemas", "json": "examples"}


class UnusableContract(ValueError):
    """A contract that cannot be used; its arguments are sentences, one for each fault."""

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


@dataclass(frozen=True, slots=True)
class Contract:
    """Schemas by name and version, examples as texts by both (`page_view.v1`), meanings by custom event.

    The head is that of new versions; a team's contract has none of its own.
    """

    schemas: Mapping[str, Mapping[int, Definition]]
    head: Sequence[Field]
    lock: Lock
    custom_events: Mapping[str, str]
    examples: Mapping[str, str]


EMPTY = Contract({}, [], {}, {}, {})


def read(folder: Path) -> Contract:
    """The contract in a folder. Raise `UnusableContract`."""
    if not folder.is_dir():
        raise UnusableContract(f"There is no folder {folder}.")
    texts, faults = {}, []
    for path in sorted(path for pattern in ("*", "schemas/*", "examples/*") for path in folder.glob(pattern)):
        name = path.relative_to(folder).as_posix()
        if is_part(name) and path.is_file():
            try:
                texts[name] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                faults.append(f"{name} cannot be read: {error}")
    if faults:
        raise UnusableContract(*faults)
    return parse(texts)


def is_part(name: str) -> bool:
    """Whether a file is read, by its path in the folder. Those that look as if they were meant to be are."""
    path = PurePosixPath(name)
    if str(path.parent) not in (".", "schemas", "examples") or path.name.startswith("."):
        return False
    return path.suffix in (".avsc", ".json", ".yaml", ".yml")


def parse(texts: Mapping[str, str]) -> Contract:
    """The contract in these files, by path. Raise `UnusableContract` with everything that cannot be read."""
    faults: list[str] = []
    schemas: dict[str, dict[int, Definition]] = {}
    examples: dict[str, str] = {}
    for path, text in texts.items():
        if path in (HEAD, LOCK, CUSTOM_EVENTS):
            continue
        file = PurePosixPath(path)
        found = _VERSIONED.fullmatch(file.name)
        if not found or str(file.parent) not in (".", _FOLDERS[found["kind"]]):
            faults.append(f"{path} is not a file of a contract: there are {_LAYOUT}.")
        elif found["kind"] == "json":
            _put(examples, file.stem, text, path, faults)
        elif definition := _schema(path, text, faults):
            _put(schemas.setdefault(found["name"], {}), int(found["version"]), definition, path, faults)
    head = _json(HEAD, texts.get(HEAD, "[]"), faults)
    contract = Contract(
        schemas,
        head,
        _lock(texts.get(LOCK, "{}"), faults),
        _custom_events(texts.get(CUSTOM_EVENTS, ""), faults),
        examples,
    )
    if faults:
        raise UnusableContract(*faults)
    return contract


def merge(shipped: Contract, own: Contract) -> Contract:
    """Both. They must not clash, which `contract_check.own_faults` finds."""
    return Contract(
        schemas={**shipped.schemas, **own.schemas},
        head=shipped.head,
        lock={**shipped.lock, **own.lock},
        custom_events={**shipped.custom_events, **own.custom_events},
        examples={**shipped.examples, **own.examples},
    )


def subject_of(definition: Definition) -> str:
    """The full name of the record."""
    return f"{definition['namespace']}.{definition['name']}"


def is_event(definition: Definition) -> bool:
    """Whether this is the schema of an event: the head, then `event_data`."""
    return bool(definition["fields"][-1]["name"] == "event_data")


def text_of(definition: Definition) -> str:
    """The canonical text of a schema, whatever white space its file has."""
    return json.dumps(definition, separators=(",", ":"), ensure_ascii=False)


def line(definition: Definition, schema_id: int) -> Line:
    """The line of a version in the lock file."""
    text = text_of(definition).encode()
    guid = uuid.UUID(bytes=hashlib.md5(text, usedforsecurity=False).digest())
    return {"id": schema_id, "guid": str(guid), "sha256": hashlib.sha256(text).hexdigest()}


def lines(lock: Lock) -> Iterator[tuple[str, str, int]]:
    """Subject, version and id of each line of a lock file."""
    for subject, versions in lock.items():
        for version, locked in versions.items():
            yield subject, version, locked["id"]


_LAYOUT = f"schemas/NAME.v1.avsc, examples/NAME.v1.json, {CUSTOM_EVENTS} and {LOCK}"


def _put(into: dict[Any, Any], key: Any, value: Any, path: str, faults: list[str]) -> None:
    if key in into:
        faults.append(f"{path} is there twice, in two folders.")
    into[key] = value


def _json(path: str, text: str, faults: list[str]) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        faults.append(f"{path} is not JSON: {error}.")
        return {}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object. Python would take the last of two values with one name, and drop the other."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'"{twice}" is there twice')
    return found


def _schema(path: str, text: str, faults: list[str]) -> Definition | None:
    before = len(faults)
    definition = _json(path, text, faults)
    match definition:
        case {"type": "record", "name": str(), "namespace": str(), "fields": [_, *_] as fields} if all(
            isinstance(field, dict) and isinstance(field.get("name"), str) for field in fields
        ):
            return definition  # type: ignore[no-any-return] # a dict, as it matched
    if len(faults) == before:
        faults.append(f"{path} is not the schema of a record with name, namespace and fields.")
    return None


def _lock(text: str, faults: list[str]) -> Lock:
    before = len(faults)
    lock = _json(LOCK, text, faults)
    if len(faults) == before and not _is_lock(lock):
        faults.append(
            f'{LOCK} must hold {{"id", "guid", "sha256"}} by subject and version: see `footfall types lock`.'
        )
        return {}
    return lock  # type: ignore[no-any-return] # it has the shape of one


def _is_lock(lock: Any) -> bool:
    return isinstance(lock, dict) and all(
        isinstance(versions, dict)
        and all(isinstance(each, dict) and type(each.get("id")) is int for each in versions.values())
        for versions in lock.values()
    )


def _custom_events(text: str, faults: list[str]) -> dict[str, str]:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        named = yaml.safe_load(text)
    except yaml.YAMLError as error:
        faults.append(f"{CUSTOM_EVENTS} is not YAML: {' '.join(str(error).split())}.")
        return {}
    if named is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        faults.append(f"{CUSTOM_EVENTS} must have a line for each event: its name, a colon, its meaning.")
        return {}
    for name, meaning in named.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            faults.append(f"{CUSTOM_EVENTS}: {name!r} cannot name an event: use lower case letters, digits and _.")
        elif not isinstance(meaning, str) or not meaning.strip():
            faults.append(f"{CUSTOM_EVENTS}: {name} has no meaning: say in a sentence what such an event means.")
    written = [key.value for key, _value in node.value]
    for name in sorted({name for name in written if written.count(name) > 1}):
        faults.append(f"{CUSTOM_EVENTS}: {name} is there twice.")
    return dict(named)
