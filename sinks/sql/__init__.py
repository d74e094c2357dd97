"""Reads SQL files: the statements of `sinks/postgres/offsets.py` are in `sinks/postgres/sql/offsets.sql`, by name.

A file holds any number of statements. Each begins with its name, then a comment on what it does and why:

    -- name: move
    -- Moves the offsets of a batch, in the transaction of its rows.
    update sink_offsets set next_offset = ...

What is composed from identifiers has `{named}` places, to be filled in by `.format`.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from psycopg import sql

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_COMMENT = re.compile(r"(?:--.*\n)*")


def read_statements(module: str) -> Mapping[str, sql.SQL]:
    """The statements of a module, given its `__name__`; without the comments in front of them."""
    package, _, name = module.rpartition(".")
    text = (files(package) / "sql" / f"{name}.sql").read_text("utf-8")
    _head, *parts = _NAME.split(text)
    named = zip(parts[::2], parts[1::2], strict=True)
    return MappingProxyType({name: sql.SQL(_COMMENT.sub("", body, count=1).strip()) for name, body in named})
