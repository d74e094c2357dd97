"""SQL that selects rows of column files."""

from collections.abc import Sequence
from pathlib import Path


def quoted(text: str | Path) -> str:
    """A string in SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def select_from(file_sources: Sequence[tuple[str, Sequence[tuple[int, int]]]]) -> str:
    """The rows of some files, each whole or of some spans of time."""
    whole = [quoted(path) for path, spans in file_sources if not spans]
    parts = [f"select * from read_parquet([{', '.join(whole)}])"] if whole else []
    for path, spans in file_sources:
        if spans:
            times = " or ".join(f"ms >= {first} and ms < {end}" for first, end in spans)
            parts.append(f"select * from read_parquet({quoted(path)}) where {times}")
    return " union all ".join(parts)
