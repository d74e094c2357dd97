"""The architecture page names files, folders and functions that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
STEPS = re.findall(r"^\| \d+ \| `([\w/]+\.py)` `([\w.]+)` \|", PAGE, re.M)


def defined(file: Path) -> set[str]:
    """Functions and classes of a file, and methods as `Class.method`."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (child for child in node.body if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{method.name}" for method in methods}
    return found


def test_the_walk_is_there() -> None:
    assert len(STEPS) >= 20


@pytest.mark.parametrize(("file", "name"), STEPS)
def test_a_step_of_the_walk_is_a_function_of_that_file(file: str, name: str) -> None:
    assert name in defined(ROOT / file)


@pytest.mark.parametrize("folder", sorted(set(re.findall(r"^\| `([\w/]+/)` \|", PAGE, re.M))))
def test_a_folder_of_the_table_exists(folder: str) -> None:
    assert (ROOT / folder).is_dir()
