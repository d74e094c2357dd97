"""Reads `helm/values.yaml`: each key with its default and the comment above it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[3] / "helm" / "values.yaml"
_INDENT = 2


@dataclass(frozen=True, slots=True)
class Value:
    """A key of the values. `about` is the comment above it, or empty."""

    path: tuple[str, ...]
    default: Any
    about: str

    @property
    def name(self) -> str:
        """The dotted name, as for `--set`."""
        return ".".join(self.path)

    @property
    def is_group(self) -> bool:
        """Whether it holds other keys."""
        return isinstance(self.default, dict) and bool(self.default)


def values() -> list[Value]:
    """All keys, groups included, in the order of the file."""
    text = FILE.read_text()
    defaults = yaml.safe_load(text)
    return [Value(path, _at(defaults, path), about) for path, about in _keys(text)]


def _keys(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Paths and comments, line by line, because the YAML parser drops comments."""
    path: list[str] = []
    about: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        if words.startswith("#"):
            about.append(words.removeprefix("#").strip())
        elif words and not words.startswith("- "):
            depth = (len(line) - len(line.lstrip())) // _INDENT
            path = [*path[:depth], words.partition(":")[0]]
            yield tuple(path), " ".join(about)
            about = []
        else:
            about = []


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree
