"""What a folder of exported files holds: facts per day, so that nothing is made twice and changes show."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal, cast, get_args

from footfall.export.places import Place, UnusablePlace

Format = Literal["parquet", "csv", "jsonl"]
NAME = "manifest.json"


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
    # That of the bucket; empty in a folder.
    tag: str = ""


@dataclass(slots=True)
class Manifest:
    """The manifest of a place."""

    place: Place
    format: Format
    days: dict[str, Exported]

    @classmethod
    def read(cls, place: Place, format: Format | None) -> "Manifest":
        """That of the place, or an empty one. Raise UnusablePlace."""
        try:
            text = place.read(NAME)
            if text is None:
                return cls(place, format or "parquet", {})
            written = json.loads(text)
            days = {day: _exported(day, written["format"], facts) for day, facts in written["days"].items()}
            manifest = cls(place, _format(written["format"]), days)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = str(error) if isinstance(error, OSError) else repr(error)
            raise UnusablePlace(f"{NAME} of {place.name} cannot be read ({why}): choose another place.") from error
        if format not in (None, manifest.format):
            raise UnusablePlace(f"{place.name} has files of the format {manifest.format}: choose another place.")
        return manifest

    def add(self, day: str, exported: Exported) -> None:
        """Write it with one more day; whoever reads it sees the old or the new one."""
        self.days[day] = exported
        days = {each: asdict(facts) for each, facts in sorted(self.days.items())}
        text = json.dumps({"format": self.format, "days": days}, indent=2) + "\n"
        self.place.write(NAME, text.encode())

    def is_whole(self, day: str) -> bool:
        """Whether the file of a day is there as it was written."""
        exported = self.days[day]
        return self.place.is_as_written(exported.file, exported.sha256, exported.tag)

    def has(self, day: str, counts: Counts) -> bool:
        """Whether the file of a day holds what Postgres holds."""
        return day in self.days and self.days[day].counts == counts and self.is_whole(day)


def differences(manifest: Manifest, found: Mapping[str, Counts]) -> Iterator[tuple[str, str]]:
    """Days whose files have to be made again, and why."""
    for day, exported in sorted(manifest.days.items()):
        counts = found.get(day)
        is_stored = counts is not None and not counts.dropped
        if not manifest.is_whole(day):
            # Files of days that Postgres has dropped are the only copy, for as long as their owner wants.
            yield day, "damaged" if is_stored or manifest.place.has(exported.file) else "deleted"
        elif is_stored and counts != exported.counts:
            yield day, "erased" if counts and counts.erased != exported.counts.erased else "changed"


def file_of(day: str, format: str) -> str:
    """The name of the file of a day."""
    return f"events-{day}.{format}"


def _format(text: str) -> Format:
    for known in get_args(Format):
        if text == known:
            return cast("Format", known)
    raise ValueError(f"unknown format {text!r}")


def _exported(day: str, format: str, facts: dict[str, Any]) -> Exported:
    exported = Exported(**facts | {"counts": Counts(**facts["counts"])})
    # Whoever edits it cannot have other files read.
    is_day = str(date.fromisoformat(day)) == day
    if not is_day or exported.file != file_of(day, format):
        raise ValueError(f"{exported.file!r} is not the file of {day}")
    return exported
