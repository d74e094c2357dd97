"""SQL that selects rows of column files."""

from collections.abc import Sequence
from pathlib import Path

from dashboard.columns.plan import Source

# Start and end, in milliseconds since 1970; the end is not included.
Span = tuple[int, int]


def quoted(text: str | Path) -> str:
    """A string in SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def select_from(file_sources: Sequence[tuple[str, Sequence[Span]]]) -> str:
    """The rows of some files, each whole or of some spans of time."""
    whole = [quoted(path) for path, spans in file_sources if not spans]
    parts = [f"select * from read_parquet([{', '.join(whole)}])"] if whole else []
    for path, spans in file_sources:
        if spans:
            times = " or ".join(f"ms >= {first} and ms < {end}" for first, end in spans)
            parts.append(f"select * from read_parquet({quoted(path)}) where {times}")
    return " union all ".join(parts)


def rows_of(sources: Sequence[Source]) -> str:
    """The rows of sources."""
    parts = [select_from([(each.path, each.spans) for each in sources if not each.without])]
    for each in sources:
        if each.without:
            rows = select_from([(each.path, each.spans)])
            parts.append(f"select * from ({rows}) anti join read_parquet({quoted(each.without)}) using (ms)")
    return " union all ".join(filter(None, parts))


def rows_in(sources: Sequence[Source], current: Span, previous: Span) -> str:
    """The rows of sources in two periods, which do not overlap, and in which each is; empty without sources.

    To read the times of rows would be a third of what most questions cost, so it is done only where a source is
    partly in a period.
    """
    parts, rest = list[str](), [*sources]
    for (first, end), flags in (
        (current, "true as is_current, false as is_previous"),
        (previous, "false as is_current, true as is_previous"),
    ):
        if inside := [each for each in rest if first <= each.first and each.end <= end]:
            parts.append(f"select *, {flags} from ({rows_of(inside)})")
            rest = [each for each in rest if each not in inside]
    if rest:
        parts.append(cut(rows_of(rest), current, previous))
    return " union all ".join(parts)


def cut(rows: str, current: Span, previous: Span) -> str:
    """The same of any rows."""
    (since, until), (previous_since, previous_until) = current, previous
    return (
        f"select *, ms >= {since} as is_current, ms < {previous_until} as is_previous from ({rows}) where"
        f" ms >= {previous_since} and ms < {until} and (ms >= {since} or ms < {previous_until})"
    )
