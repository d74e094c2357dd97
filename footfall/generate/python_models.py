"""avro_schemas/models.py: the records as TypedDicts, for those who read the topics with Python."""

import textwrap
from typing import Any

from avro_schemas.schema import CUSTOM, latest, typed_events

_HEAD = '''"""Every record as it is decoded: made from the schemas by `make generate`.

As fastavro and confluent-kafka decode them: times are aware datetimes in UTC. (Our own `codec` leaves them as
milliseconds since 1970.)
"""

from datetime import datetime
from typing import Literal, TypedDict
'''
_LINE = 115
_PLAIN = {
    "string": "str",
    "bytes": "bytes",
    "int": "int",
    "long": "int",
    "double": "float",
    "float": "float",
    "boolean": "bool",
    "null": "None",
}


def module() -> str:
    """The whole module."""
    made: dict[str, str] = {}
    for schema in latest().values():
        _record(schema.definition, made)
    events = [latest()[name].definition["name"] for name in (*typed_events(), CUSTOM)]
    return _HEAD + "".join(f"\n\n{text}\n" for text in made.values()) + "\n\n" + _union("Event", events)


def _union(name: str, kinds: list[str]) -> str:
    """As ruff formats it, so that formatting changes nothing."""
    line = f"{name} = {' | '.join(kinds)}\n"
    inner = "\n    | ".join(kinds)
    return line if len(line) <= _LINE + 1 else f"{name} = (\n    {inner}\n)\n"


def _record(definition: dict[str, Any], made: dict[str, str]) -> str:
    """Write a record behind those it holds; its name."""
    name: str = definition["name"]
    doc = textwrap.wrap(definition["doc"], 105)
    lines = [f"class {name}(TypedDict):", f'    """{doc[0]}' + ("" if doc[1:] else '"""')]
    lines += [*(f"    {line}" for line in doc[1:]), '    """'] if doc[1:] else []
    lines.append("")
    for field in definition["fields"]:
        kind = _kind(field["type"], made)
        lines += [f"    # {line}" for line in textwrap.wrap(field["doc"], 105)]
        lines.append(f"    {field['name']}: {kind}")
    text = "\n".join(lines)
    if made.setdefault(name, text) != text:
        raise ValueError(f"two records are called {name}")
    return name


def _kind(kind: Any, made: dict[str, str]) -> str:
    match kind:
        case str():
            return _PLAIN[kind]
        case list():
            named = [_kind(branch, made) for branch in kind if branch != "null"]
            return " | ".join(named + ["None"] * ("null" in kind))
        case {"logicalType": "timestamp-millis"}:
            return "datetime"
        case {"type": "record"}:
            return _record(kind, made)
        case {"type": "enum", "symbols": symbols}:
            return f"Literal[{', '.join(repr(symbol) for symbol in symbols)}]".replace("'", '"')
        case {"type": "map", "values": values}:
            return f"dict[str, {_kind(values, made)}]"
        case {"type": "array", "items": items}:
            return f"list[{_kind(items, made)}]"
        case {"type": str() as plain}:
            return _PLAIN[plain]
    raise NotImplementedError(kind)
