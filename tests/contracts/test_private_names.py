"""Private names of other libraries: they exist in the versions that are installed, and all are listed."""

import ast
import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import faust.streams
import pytest

from tests.contracts.private_names import ADAPTERS, ASSIGNMENTS, NAMES

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("avro_schemas", "service_kit", "producer_api", "stream_app", "sinks", "dashboard", "registry", "footfall"),
)
LISTED = {name for names in NAMES.values() for name in names if name.startswith("_")} | {
    line.removeprefix("self.").removesuffix(" =")
    for lines in ASSIGNMENTS.values()
    for line in lines
    if line.startswith("self._")
}
# Classes that are private themselves.
LISTED |= {path.rpartition(".")[2] for path in NAMES if "._" in path}
OWN_AND_STANDARD = {*PACKAGES, *sys.stdlib_module_names}
# Documented names of the standard library that begin with an underscore.
DOCUMENTED = {"_exit", "_replace", "_asdict", "_fields", "_make"}
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "samples" not in path.parts
)


def load(path: str) -> Any:
    """The library's own, also where this process has put a subclass of ours in its place."""
    module, _, name = path.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, type):
        return found
    return next(each for each in found.__mro__ if each.__module__.partition(".")[0] not in PACKAGES)


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


def test_every_private_name_that_is_used_is_listed() -> None:
    used = {(module, name) for module in MODULES for name in used_in(source_of(module))}
    assert {(module, name) for module, name in used if name not in LISTED} == set()
    overridden = set(overrides())
    assert {(place, name) for place, name in overridden if name not in LISTED} == set()
    # Nothing is listed that nobody uses.
    assert {name for _place, name in used | overridden} >= LISTED - UNPACKED


# `LeanRecords` relies on what `_unpack_records` yields, and does not call it.
UNPACKED = {"_unpack_records"}


def test_only_the_adapters_use_private_names() -> None:
    users = {module for module in MODULES if used_in(source_of(module))} | {place for place, _name in overrides()}
    allowed = {module for module in users if any(f"{module}.".startswith(f"{each}.") for each in ADAPTERS)}
    assert users - allowed == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param("consumer._client.add_topic('t')", {"_client"}, id="of another object"),
        pytest.param("class A(B):\n def f(self):\n  return self._inherited", {"_inherited"}, id="inherited"),
        pytest.param("class A:\n def f(self):\n  self._own = 1\n  return self._own", set(), id="assigned here"),
        pytest.param("class A:\n def f(self):\n  return self._g()\n def _g(self): ...", set(), id="a method here"),
        pytest.param("class A:\n _own: int = 1\n def f(self, other):\n  return other._own", set(), id="another A"),
        pytest.param("consumer._fetch_max_wait_ms = 500", {"_fetch_max_wait_ms"}, id="set on another object"),
        pytest.param("getattr(consumer, '_client')", {"_client"}, id="by getattr"),
        pytest.param("from aiokafka.client import _hidden", {"_hidden"}, id="imported"),
        pytest.param("import os\nos._exit(1)", set(), id="documented"),
        pytest.param("type(x).__name__", set(), id="a dunder name"),
    ],
)
def test_uses_are_found_in_source(source: str, found: set[str]) -> None:
    assert used_in(source) == found


def source_of(module: str) -> str:
    return (ROOT / Path(*module.split("."))).with_suffix(".py").read_text()


@functools.cache
def used_in(source: str) -> frozenset[str]:
    """The private names that a module uses and does not define: attributes, also by `getattr`, and imports."""
    tree = ast.parse(source)
    return frozenset(_mentioned(tree)) - DOCUMENTED - _defined(tree)


def _mentioned(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name):
                names = [name]
            case ast.Call(func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr"), args=[_, constant, *_]):
                names = [str(constant.value)] if isinstance(constant, ast.Constant) else []
            case ast.ImportFrom(names=aliases):
                names = [alias.name for alias in aliases]
            case _:
                continue
        yield from filter(_is_private, names)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith(("__", "_abc_"))


def _defined(tree: ast.AST) -> set[str]:
    """What the classes of a module define: methods, names in their bodies, attributes that they set on themselves."""
    defined: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(body=body):
                for each in body:
                    targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]
                    defined |= {target.id for target in targets if isinstance(target, ast.Name)}
                    if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
                        defined.add(each.name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                defined.add(name)
    return defined


@functools.cache
def overrides() -> tuple[tuple[str, str], ...]:
    """Module and name of every private method or attribute of a class of ours that a foreign base has too."""
    return tuple(_overrides())


def _overrides() -> Iterator[tuple[str, str]]:
    for module in _modules():
        for cls in vars(module).values():
            if not isinstance(cls, type) or cls.__module__ != module.__name__:
                continue
            foreign = [base for base in cls.__mro__ if base.__module__.partition(".")[0] not in OWN_AND_STANDARD]
            for name in vars(cls):
                # `Protocol` sets `_is_protocol` in every class that derives from one.
                if name != "_is_protocol" and _is_private(name) and any(name in vars(base) for base in foreign):
                    yield module.__name__, name


def _modules() -> Iterator[ModuleType]:
    for name in PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if ".samples" not in found.name:
                yield importlib.import_module(found.name)
