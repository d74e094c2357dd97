"""Every connection to Postgres is opened where its schema is set, and a pooler in front of it is noticed."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("service_kit", "producer_api", "stream_app", "sinks", "registry", "dashboard", "footfall")
# The first two are for everybody; the others ask the server that `footfall up` starts whether it is there.
OPENERS = {
    "sinks/connect.py",
    "dashboard/sql/__init__.py",
    "footfall/local/postgres.py",
    "footfall/local/containers.py",
}


def test_connections_are_opened_in_one_place_each() -> None:
    found = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "connect" and "psycopg" in ast.unparse(node.value)
    }
    assert found == OPENERS
