"""Which worker runs which tests, and in which order.

The tests of a file stay together, as its fixtures do. So do all files that use the session's stack: it is started once,
and not in every worker. Files that start brokers and browsers come first and the short ones last, so that all workers
end at about the same time.
"""

import ast
import functools
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

# Folders of long tests; all others come after them.
LONG = (
    "system",
    "faults",
    "integration",
    "fuzz",
    "attacks",
    "browser",
    "clients",
    "containers",
    "registry",
    "helm",
    "contracts",
)
SHARED = "stack"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; within a file nothing changes."""
    items.sort(key=lambda item: -1 if uses_shared_stack(item.path) else _rank(item))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Give the files of the shared stack to one worker, where files are given to workers."""
    return _Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


class _Scheduling(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return SHARED if uses_shared_stack(self.config.rootpath / file) else file


@functools.cache
def uses_shared_stack(file: Path) -> bool:
    """Whether a test or fixture of the file takes the stack of `tests/system/conftest.py`.

    Read from its text: the process that distributes the tests has not imported them.
    """
    if file.parent.name != "system":
        return False
    functions = [
        node
        for node in ast.parse(file.read_bytes()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    if any(function.name == SHARED for function in functions):
        return False  # a stack of its own
    return any(
        argument.arg == SHARED
        for function in functions
        if function.name.startswith("test_") or any("fixture" in ast.unparse(d) for d in function.decorator_list)
        for argument in function.args.args
    )


def _rank(item: pytest.Item) -> int:
    folder = item.nodeid.split("/")[1]
    return LONG.index(folder) if folder in LONG else len(LONG)
