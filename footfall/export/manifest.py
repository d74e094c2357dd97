"""What a folder of exported files holds: facts per day, so that nothing is made twice and changes show."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Format = Literal["parquet", "csv", "jsonl"]
NAME = "manifest.json"


class UnusableFolder(Exception):
    """The folder cannot be exported to; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What Postgres counts of a day: it changes whenever rows of the day do."""

    landed: int
    erased: int
    dropped: int

    @property
    def rows(self) -> int:
        """How many rows are stored."""
        return self.landed - self.erased - self.dropped


@dataclass(frozen=True, slots=True)
class Exported:
    """A file of a day."""

    file: str
    rows: int
    first_event_id: str | None
    last_event_id: str | None
    sha256: str
    bytes: int
    counts: Counts


@dataclass(slots=True)
class Manifest:
    """The manifest of a folder."""

    folder: Path
    format: Format
    days: dict[str, Exported]

    @classmethod
    def read(cls, folder: Path, format: Format | None) -> "Manifest":
        """That of the folder, or an empty one. Raise UnusableFolder."""
        try:
            written = json.loads((folder / NAME).read_text())
            days = {day: _exported(facts) for day, facts in written["days"].items()}
            manifest = cls(folder, written["format"], days)
        except FileNotFoundError:
            return cls(folder, format or "parquet", {})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnusableFolder(f"{folder / NAME} cannot be read ({error!r}): choose an empty folder.") from error
        if format not in (None, manifest.format):
            raise UnusableFolder(f"{folder} has files of the format {manifest.format}: choose another folder.")
        return manifest

    def add(self, day: str, exported: Exported) -> None:
        """Write it with one more day; whoever reads it sees the old or the new one."""
        self.days[day] = exported
        days = {each: asdict(facts) for each, facts in sorted(self.days.items())}
        part = self.folder / f".{NAME}.part"
        part.write_text(json.dumps({"format": self.format, "days": days}, indent=2) + "\n")
        part.replace(self.folder / NAME)

    def is_whole(self, day: str) -> bool:
        """Whether the file of a day is there as it was written."""
        exported = self.days[day]
        with suppress(OSError):
            return sha256_of(self.folder / exported.file) == exported.sha256
        return False

    def has(self, day: str, counts: Counts) -> bool:
        """Whether the file of a day holds what Postgres holds."""
        return day in self.days and self.days[day].counts == counts and self.is_whole(day)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(manifest: Manifest, found: Mapping[str, Counts]) -> Iterator[tuple[str, str]]:
    """Days whose files have to be made again, and why."""
    for day, exported in sorted(manifest.days.items()):
        counts = found.get(day)
        if not manifest.is_whole(day):
            yield day, "damaged"
        # Files of days that Postgres has dropped are the only copy.
        elif counts and not counts.dropped and counts != exported.counts:
            yield day, "erased" if counts.erased != exported.counts.erased else "changed"


def _exported(facts: dict[str, Any]) -> Exported:
    return Exported(**facts | {"counts": Counts(**facts["counts"])})
