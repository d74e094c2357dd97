"""The folder of column files. Processes may share it: a file has the name of what it holds, and never changes."""

import contextlib
import hashlib
import json
import logging
import re
import shutil
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from dashboard.columns.engine import Engine, file_of
from dashboard.columns.plan import HOUR, ColumnFile, DayState
from dashboard.columns.summaries import Split, chosen

log = logging.getLogger(__name__)

# What a question may still read, or another process is writing.
_UNUSED_SECONDS = 900.0
_SCRATCH_SECONDS = 2 * 86_400.0
# Another version of footfall may still write to a folder of its own.
_ABANDONED_SECONDS = 2 * 86_400.0
FILE, SUMMARY = ".parquet", ".summary"
_LAYOUT_NAME = re.compile(r"[0-9a-f]{12}")


class Folder:
    """The files of one layout, as this process knows them."""

    def __init__(self, root: Path, layout_name: str) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_old(root.glob("scratch-*"), _SCRATCH_SECONDS)
        self._path = root / layout_name
        self._path.mkdir(exist_ok=True)
        self._files: dict[str, ColumnFile] = {}
        # Of which files each summary is.
        self._summaries: dict[str, Sequence[str]] = {}
        self._unused_since: dict[str, float] = {}
        # What was deleted, and may be deleted wherever there are copies.
        self.deleted: list[str] = []

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def files(self) -> Collection[ColumnFile]:
        return list(self._files.values())

    @property
    def summaries(self) -> Mapping[str, Sequence[str]]:
        """Of which column files each summary is, by path."""
        return {str(self._path / name): stems for name, stems in list(self._summaries.items())}

    def sizes(self, kind: str) -> Mapping[str, int]:
        """Bytes of each file or summary of one file, by its stem."""
        return {path.stem: path.stat().st_size for path in self._path.glob(f"*{kind}")}

    def read(self, engine: Engine) -> None:
        """Learn of files that other processes added or removed."""
        names = {path.name for ending in (FILE, SUMMARY) for path in self._path.glob(f"*{ending}")}
        for name in (self._files.keys() | self._summaries.keys()) - names:
            self._forget(name)
        for name in names - self._files.keys() - self._summaries.keys():
            self._learn(engine, self._path / name)

    def check(self, engine: Engine) -> None:
        """Forget files that somebody deleted, and delete those that are damaged."""
        for name in [*self._files, *self._summaries]:
            self._forget(name)
            self._learn(engine, self._path / name)

    def _forget(self, name: str) -> None:
        self._files.pop(name, None)
        self._summaries.pop(name, None)

    def _learn(self, engine: Engine, path: Path) -> None:
        try:
            if path.suffix != FILE:
                self._summaries[path.name] = engine.meta(path)["files"]
            else:
                self._files[path.name] = file_of(path, engine.meta(path))
        except (duckdb.Error, ValueError, KeyError) as error:
            if path.exists():
                log.warning("a damaged column file is deleted", extra={"file": path.name, "error": repr(error)})
                self._delete(path)

    def _delete(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.deleted.append(f"{self.name}/{path.name}")

    def new_path(self) -> Path:
        """Where a file is written until it is complete."""
        return self._path / f"{uuid.uuid4().hex}.part"

    def add(self, written: Path, meta: Mapping[str, Any]) -> ColumnFile:
        """Publish a complete file."""
        target = self._path / _name(meta)
        written.replace(target)
        self._files[target.name] = file = file_of(target, meta)
        return file

    def add_summary(self, written: Path, stems: Sequence[str]) -> None:
        """Publish a complete summary of files."""
        target = self._path / f"{_summary_name(stems)}{SUMMARY}"
        written.replace(target)
        self._summaries[target.name] = stems

    def remove_unused(self, used: Collection[str]) -> None:
        """Delete what has not been in use for a while; `used`: paths of files."""
        now, stems = time.monotonic(), [Path(path).stem for path in used]
        together = chosen(Split(whole=tuple(stems)), self.summaries)
        used = {
            *used,
            *(str(self._path / f"{stem}{SUMMARY}") for stem in stems),
            *(each.path for each in together),
        }
        for name in [*self._files, *self._summaries]:
            path = self._path / name
            if str(path) in used:
                self._unused_since.pop(name, None)
            elif now - self._unused_since.setdefault(name, now) > _UNUSED_SECONDS:
                self._forget(name)
                self._unused_since.pop(name, None)
                self._delete(path)
        _remove_old(self._path.glob("*.part"), _SCRATCH_SECONDS)


def is_abandoned(name: str, newest: float) -> bool:
    """Whether nobody uses a layout any more that is not ours; `newest`: when its last file was written."""
    return bool(_LAYOUT_NAME.fullmatch(name)) and time.time() - newest > _ABANDONED_SECONDS


def remove_abandoned(root: Path, used: Collection[str]) -> None:
    """Delete the files of other layouts: nobody would take those out who are erased from now on."""
    for path in root.iterdir():
        with contextlib.suppress(OSError):
            newest = max(each.stat().st_mtime for each in (path, *path.glob("*")))
            if path.name not in used and is_abandoned(path.name, newest):
                shutil.rmtree(path)


def meta_of(day: DayState, first: int, end: int) -> dict[str, Any]:
    """What a file is written with: which hours it has, as of which counts."""
    hours = {hour: landed for hour, landed in sorted(day.hours.items()) if first <= hour < end}
    return {
        "first": first,
        "end": end,
        "hours": hours,
        "erased": day.erased,
        "dropped": day.dropped,
        "as_of": day.as_of,
    }


def _name(meta: Mapping[str, Any]) -> str:
    day = datetime.fromtimestamp(meta["first"] / 1000, UTC)
    hours = (meta["end"] - meta["first"]) // HOUR
    # Of all snapshots with these counts the rows are the same.
    described = json.dumps({**meta, "as_of": ""}, sort_keys=True)
    content = hashlib.sha256(described.encode()).hexdigest()[:16]
    return f"{day:%Y%m%d-%H}-{hours}h-{content}.parquet"


def _summary_name(stems: Sequence[str]) -> str:
    if len(stems) == 1:
        return stems[0]
    return f"{stems[0][:8]}-{len(stems)}-{hashlib.sha256(repr(sorted(stems)).encode()).hexdigest()[:16]}"


def _remove_old(paths: Any, seconds: float) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > seconds:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
