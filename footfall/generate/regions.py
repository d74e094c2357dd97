"""Generated regions of a Markdown page. Everything around them is written by hand.

<!-- generated: NAME -->
(these lines are replaced)
<!-- end -->
"""

import re
from collections.abc import Mapping, Sequence

# The lines of each region, by name.
Regions = Mapping[str, Sequence[str]]

_START = re.compile(r"<!-- *generated: *(\S+) *-->")
_END = "<!-- end -->"


class RegionError(ValueError):
    """A page and its generator disagree about the regions; the message says what to change."""


def fill(page: str, text: str, regions: Regions) -> str:
    """The text of `page` with the lines of each region replaced; blank lines separate them from the markers."""
    lines: list[str] = []
    filled: set[str] = set()
    inside: str | None = None
    for line in text.splitlines():
        if start := _START.fullmatch(line):
            if inside is not None:
                raise RegionError(f"{page}: the region `{inside}` has no `{_END}`.")
            inside = _checked(page, start[1], regions, filled)
            filled.add(inside)
            lines += [line, "", *regions[inside], ""]
        elif line == _END:
            if inside is None:
                raise RegionError(f"{page}: `{_END}` without a `<!-- generated: NAME -->` above it.")
            inside = None
            lines.append(line)
        elif inside is None:
            lines.append(line)
    if inside is not None:
        raise RegionError(f"{page}: the region `{inside}` has no `{_END}`.")
    for name in regions:
        if name not in filled:
            raise RegionError(
                f"{page}: the region `{name}` is missing. "
                f"Add a line `<!-- generated: {name} -->` and, below it, a line `{_END}`."
            )
    return "\n".join(lines) + "\n"


def _checked(page: str, name: str, regions: Regions, filled: set[str]) -> str:
    if name not in regions:
        known = ", ".join(f"`{each}`" for each in regions)
        raise RegionError(f"{page}: nothing generates the region `{name}`. This page has {known}.")
    if name in filled:
        raise RegionError(f"{page}: the region `{name}` is there twice.")
    return name
