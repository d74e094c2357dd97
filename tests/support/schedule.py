"""Which worker runs which tests, and in which order.

The tests of a file stay together, as its fixtures do. So do all files that use the session's stack: it is started once,
and not in every worker. Files that start brokers and browsers come first and the short ones last, so that all workers
end at about the same time.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

# Folders of long tests; all others come after them.
LONG = (
    "system",
    "faults",
    "integration",
    "fuzz",
    "browser",
    "clients",
    "containers",
    "registry",
    "helm",
    "contracts",
)
SHARED = "stack"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, and mark those of the shared stack; within a file nothing changes."""
    shared = {item.path for item in items if _uses_shared_stack(item)}
    for item in items:
        if item.path in shared:
            item.add_marker(pytest.mark.xdist_group(SHARED))
    items.sort(key=lambda item: -1 if item.path in shared else _rank(item))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadGroupScheduling | None:
    """Keep files together where xdist would distribute single tests."""
    return _Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


class _Scheduling(LoadGroupScheduling):
    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return group.split("::", 1)[0]


def _uses_shared_stack(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function):
        return False
    found = item._fixtureinfo.name2fixturedefs.get("stack")
    return bool(found) and found[-1].scope == "session"


def _rank(item: pytest.Item) -> int:
    folder = item.nodeid.split("/")[1]
    return LONG.index(folder) if folder in LONG else len(LONG)
