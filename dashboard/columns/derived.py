"""Makes the summaries of the files of a folder, and says what a question without filters reads of them."""

from collections.abc import Sequence

from dashboard.columns.engine import Engine
from dashboard.columns.folder import SUMMARY, Folder
from dashboard.columns.known_people import KnownPeople
from dashboard.columns.layout import Layout
from dashboard.columns.plan import ColumnFile, Source
from dashboard.columns.questions import Period, Stored
from dashboard.columns.select import rows_in
from dashboard.columns.summaries import (
    ROW_GROUP,
    Split,
    chosen,
    merged,
    split,
    stem_of,
    summary_of,
    to_merge,
)
from dashboard.columns.turns import bytes_of


class Derived:
    """The summaries of a folder."""

    def __init__(self, folder: Folder, engine: Engine, layout: Layout) -> None:
        self._folder, self._engine, self._layout = folder, engine, layout
        self._people = KnownPeople()

    def stored(self, sources: Sequence[Source], period: Period) -> Stored:
        """The summaries that a question without filters reads, and the rows that they do not have."""
        known, files = self._folder.summaries, {file.path: file for file in self._folder.files}
        found = split(sources, files, {stem for stems in known.values() for stem in stems}, period.both)
        summaries = chosen(found, known)
        read = bytes_of([*(each.path for each in summaries), *(each.path for each in found.rest)])
        rest, rows = (rows_in(each, *period.both) for each in (found.rest, sources))
        return Stored(rest, summaries, rows, self._people, read)

    def know_people(self, used: Sequence[ColumnFile]) -> None:
        """Read the people of the files that are in use, so that questions need not, and forget all others."""
        stems = tuple(stem_of(file.path) for file in used)
        self._people.forget_unless(stems)
        self._people.of(self._engine.session(), chosen(Split(whole=stems), self._folder.summaries))

    def summarise(self, path: str) -> bool:
        """Make the summary of a file, if there is none. Return whether there was something to do."""
        stem = stem_of(path)
        if any(stem in stems for stems in self._folder.summaries.values()):
            return False
        self._make(summary_of(path, self._layout), [stem])
        return True

    def put_together(self, used: Sequence[ColumnFile]) -> None:
        """Make one summary of those of several days, of the files that are in use."""
        known = self._folder.summaries
        for stems in to_merge(used, known, self._folder.sizes(SUMMARY)):
            self._make(merged(chosen(Split(whole=tuple(stems)), known)), stems)

    def _make(self, select: str, stems: Sequence[str]) -> None:
        written = self._folder.new_path()
        try:
            self._engine.write(select, written, {"files": list(stems)}, ROW_GROUP)
            self._folder.add_summary(written, stems)
        finally:
            written.unlink(missing_ok=True)
