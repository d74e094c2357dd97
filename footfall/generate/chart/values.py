"""The chart's values as `helm/values.yaml` has them: each key with its default and the comment above it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[3] / "helm" / "values.yaml"
_INDENT = 2


@dataclass(frozen=True, slots=True)
class Value:
    """A key of the values. `about` is empty where nothing stands above it."""

    path: tuple[str, ...]
    default: Any
    about: str

    @property
    def name(self) -> str:
        """As an operator writes it behind `--set`."""
        return ".".join(self.path)

    @property
    def is_group(self) -> bool:
        """Whether it only holds other keys."""
        return isinstance(self.default, dict) and bool(self.default)


def values() -> list[Value]:
    """Every key, groups included, in the file's order."""
    text = FILE.read_text()
    defaults = yaml.safe_load(text)
    return [Value(path, _at(defaults, path), about) for path, about in _keys(text)]


def _keys(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Paths and comments, line by line: the YAML reader drops comments."""
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
