"""The private names that the stream engine leans on exist in the Faust and aiokafka that are installed."""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import faust.streams
import pytest

import stream_app.engine
from tests.contracts.private_names import ASSIGNMENTS, NAMES


def load(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("path", NAMES)
def test_the_overridden_and_called_names_exist(path: str) -> None:
    for name in NAMES[path]:
        assert callable(getattr(load(path), name, None)), f"{path}.{name} is gone"


@pytest.mark.parametrize("path", ASSIGNMENTS)
def test_the_private_attributes_are_still_set(path: str) -> None:
    source = inspect.getsource(load(path))
    for assignment in ASSIGNMENTS[path]:
        assert assignment in source, f"{path} no longer has {assignment}"


def test_the_compiled_stream_loop_is_there() -> None:
    # The pure Python one acknowledges records that it skips.
    assert faust.streams._CStreamIterator is not None


def test_the_list_is_complete() -> None:
    listed = " ".join(" ".join(names) for names in (*NAMES.values(), *ASSIGNMENTS.values()))
    folder = Path(stream_app.engine.__file__).parent
    for file in folder.glob("*.py"):
        for name in re.findall(r"(?:consumer|producer|super\(\)|self\.app\.\w+)\.(_[a-z]\w+)", file.read_text()):
            assert name in listed, f"{file.name} uses {name}, which leans_on.py does not list"
