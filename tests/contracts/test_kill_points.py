"""Fault tests name functions as text, in which to kill a service. A rename must fail here, not in a fault test."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import kill_points

TESTS = Path(__file__).parents[1]
# In a package of ours or a library: values of properties look alike, `feature_used.plan:team`.
OURS = [path.parent.name for path in sorted(TESTS.parent.glob("*/__init__.py"))]
PACKAGES = "|".join([*OURS, "aiokafka", "faust", "psycopg"])
POINT = re.compile(rf"(?:{PACKAGES})(\.[a-z_]+)+:[A-Za-z_]+(\.[A-Za-z_]+)?")


def named_points() -> Iterator[str]:
    texts = (path.read_text("utf-8") for path in TESTS.rglob("*.py"))
    # Every worker collects these tests, and most files have no point: they are not worth parsing.
    for text in filter(POINT.search, texts):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and POINT.fullmatch(node.value):
                yield node.value


@pytest.mark.parametrize("point", sorted(set(named_points())))
def test_every_kill_point_is_a_function(point: str) -> None:
    kill_points.find(point)


def test_kill_points_are_found_and_a_wrong_one_fails() -> None:
    assert "sinks.retention.rollups:fold" in set(named_points())
    with pytest.raises(TypeError, match="is not a function"):
        kill_points.find("sinks.retention.rollups:" + "folded")
