"""The numbers of the people of all summaries that this process has read."""

from collections.abc import Collection, Sequence
from threading import Lock

from dashboard.columns.engine import Session
from dashboard.columns.people import Keys, People
from dashboard.columns.summaries import Summaries, keys_of


class KnownPeople:
    """In memory: 24 bytes for each of the people, and 8 for each in each file. Use it from any thread."""

    def __init__(self) -> None:
        self._people, self._lock = People(), Lock()

    def of(self, session: Session, summaries: Sequence[Summaries]) -> People:
        """With the people of all files of some summaries."""
        with self._lock:
            known = self._people.of_file
            unread = [(each.path, [stem for stem in each.stems if stem not in known]) for each in summaries]
            if queries := [keys_of(path, stems) for path, stems in unread if stems]:
                found = session.columns(" union all ".join(queries))
                keys = {
                    file: Keys(high, low)
                    for file, high, low in zip(found["file"], found["high"], found["low"], strict=True)
                }
                self._people = self._people.with_files(keys)
            return self._people

    def forget_unless(self, stems: Collection[str]) -> None:
        """Forget everybody if a file is gone: some of its people may have been erased."""
        with self._lock:
            if not self._people.of_file.keys() <= set(stems):
                self._people = People()
