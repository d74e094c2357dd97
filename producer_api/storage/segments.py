"""The spool's files: append-only segments, replayed once from front to back, and a mark of how far that went.

Everything here blocks. The spool calls it from a thread of its own.
"""

import contextlib
import fcntl
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from producer_api import metrics
from producer_api.storage.frames import DamagedFrame, Frame, decode_frames, frame_size

log = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
_SUFFIX = ".spool"
_MARK = "replayed"
# What Kafka takes in no batch. It is tried again at the next start, and when the topic takes more.
_ASIDE = "aside"


class SpoolInUse(Exception):
    """Another collector uses this folder."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A position in the spool: the number of a segment, and a byte in it."""

    segment: int
    offset: int


class Segments:
    """A folder of segments. Every start begins a new one, so that nothing follows an incomplete frame."""

    def __init__(self, folder: Path) -> None:
        """Open the folder. Raise SpoolInUse, or OSError if it cannot be written."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock_file = _lock(folder)
        self._rename_aside(max([*self._numbers(), self._marked_segment()], default=0) + 1)
        numbers = self._numbers()
        # Everything before this position is in Kafka.
        self.replayed = self._read_mark() or Position(numbers[0] if numbers else 0, 0)
        # The segments on disk, and how many bytes of complete frames each holds.
        self._sizes = {number: self._path(number).stat().st_size for number in numbers}
        # The segment that is written to, and its open file; None and -1 until the next write begins one.
        self._writing: int | None = None
        self._file = -1
        self._next = max([self.replayed.segment, *numbers], default=0) + 1
        self._delete_replayed()

    @property
    def disk_bytes(self) -> int:
        """The size of all segments."""
        return sum(self._sizes.values())

    @property
    def unreplayed_bytes(self) -> int:
        """The size of what is not replayed yet."""
        replayed = min(self.replayed.offset, self._sizes.get(self.replayed.segment, 0))
        return self.disk_bytes - replayed

    def append(self, frames: bytes) -> None:
        """Write frames and wait until they are on disk. After an OSError none of them is."""
        if self._writing is None or self._sizes[self._writing] >= SEGMENT_BYTES:
            self._begin_segment()
        assert self._writing is not None
        before = self._sizes[self._writing]
        try:
            _write_all(self._file, frames)
            os.fsync(self._file)
        except OSError:
            self._abandon_segment(before)
            raise
        self._sizes[self._writing] = before + len(frames)

    def read(self) -> list[Frame]:
        """The next frames to replay, about a megabyte; none at the end. Skips what cannot be read."""
        while self.unreplayed_bytes:
            number = self.replayed.segment
            if frames := self._read_from(self.replayed):
                return frames
            # (A mark can be older than the deletion of its segment.)
            if (incomplete := self._sizes.get(number, 0) - self.replayed.offset) > 0:
                log.warning("skipped an incomplete frame", extra={"bytes": incomplete})
                metrics.SPOOL_ERRORS.labels("torn").inc()
            following = [other for other in self._sizes if other > number]
            self.mark_replayed(
                Position(min(following), 0) if following else Position(number, self._sizes.get(number, 0))
            )
        return []

    def set_aside(self, frames: bytes) -> Path:
        """Store frames that are not replayed for now; where they are. Raise OSError if that fails."""
        path = self._folder / _ASIDE
        with path.open("ab") as file:
            file.write(frames)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(self._folder)
        return path

    def bring_back(self) -> None:
        """Make what was set aside a segment again, the last one. Raise OSError if that fails."""
        self.end_segment()  # what is written from now on goes behind it
        number = self._next
        if self._rename_aside(number):
            self._next += 1
            self._sizes[number] = self._path(number).stat().st_size
            _sync_folder(self._folder)

    def _rename_aside(self, number: int) -> bool:
        aside = self._folder / _ASIDE
        if not aside.exists():
            return False
        aside.rename(self._path(number))
        return True

    def _marked_segment(self) -> int:
        mark = self._read_mark()
        return mark.segment if mark else 0

    def end_segment(self) -> None:
        """Write no more to the current segment, so that it is deleted as soon as it is replayed."""
        if self._file >= 0:
            os.close(self._file)
        self._file, self._writing = -1, None
        self._delete_replayed()

    def mark_replayed(self, position: Position) -> None:
        """Record that everything before this position is in Kafka, and delete the segments before it.

        They are deleted first, which makes room for the mark on a full disk. Without the mark this process still
        knows the position; a restart would publish a part again, under the same ids.
        """
        self.replayed = position
        self._delete_replayed()
        try:
            self._write_mark(position)
        except OSError as error:
            metrics.SPOOL_ERRORS.labels("mark").inc()
            log.error("cannot record what is replayed", extra={"error": str(error)})  # noqa: TRY400 # the error is enough

    def _write_mark(self, position: Position) -> None:
        part = self._folder / f"{_MARK}.part"
        with part.open("w") as file:
            file.write(f"{position.segment} {position.offset}\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._folder / _MARK)

    def close(self) -> None:
        """Close the files and unlock the folder."""
        if self._file >= 0:
            os.close(self._file)
        os.close(self._lock_file)

    def _read_from(self, position: Position) -> list[Frame]:
        size = self._sizes.get(position.segment, 0)
        if position.offset >= size:
            return []
        with self._path(position.segment).open("rb") as file:
            file.seek(position.offset)
            content = file.read(min(_CHUNK_BYTES, size - position.offset))
            content += file.read(max(0, min(frame_size(content), size - position.offset) - len(content)))
        is_end = position.offset + len(content) >= size
        try:
            return list(decode_frames(content, position.offset, is_end=is_end))
        except DamagedFrame as damaged:
            return self._before_damage(position, content, damaged)

    def _before_damage(self, position: Position, content: bytes, damaged: DamagedFrame) -> list[Frame]:
        """The frames before a damaged one. If there are none, the segment is set aside for an operator."""
        intact: list[Frame] = []
        with contextlib.suppress(DamagedFrame):
            for frame in decode_frames(content, position.offset, is_end=False):
                intact.append(frame)  # an assignment of the whole list would lose those before the error
        if not intact:
            path = self._path(position.segment)
            log.error(
                "a damaged segment of the spool is set aside",
                extra={"error": str(damaged)},
            )
            path.rename(path.with_suffix(".damaged"))
            self._forget(position.segment)
            metrics.SPOOL_ERRORS.labels("damaged").inc()
        return intact

    def _begin_segment(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._writing, number = None, self._next
        self._file = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._next += 1
        self._writing, self._sizes[number] = number, 0
        _sync_folder(self._folder)

    def _abandon_segment(self, before: int) -> None:
        """After a failed write: cut it off, and begin another segment, as the state of this one is unknown."""
        assert self._writing is not None
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, before)
        with contextlib.suppress(OSError):
            os.close(self._file)
        self._file, self._writing = -1, None

    def _delete_replayed(self) -> None:
        for number in [number for number in self._sizes if number < self.replayed.segment]:
            self._delete(number)
        number = self.replayed.segment
        if number != self._writing and 0 < self._sizes.get(number, 0) <= self.replayed.offset:
            self._delete(number)

    def _delete(self, number: int) -> None:
        """Forget a segment, also if the disk does not let it go: what is replayed must not be replayed again."""
        try:
            self._path(number).unlink(missing_ok=True)
        except OSError as error:
            log.error("cannot delete a segment", extra={"error": str(error)})  # noqa: TRY400 # the error is enough
        self._forget(number)

    def _forget(self, number: int) -> None:
        self._sizes.pop(number, None)
        if number == self._writing:
            self._writing = None

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob(f"*{_SUFFIX}"))

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}{_SUFFIX}"

    def _read_mark(self) -> Position | None:
        try:
            segment, offset = (self._folder / _MARK).read_text().split()
        except FileNotFoundError:
            return None
        return Position(int(segment), int(offset))


def _lock(folder: Path) -> int:
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise SpoolInUse(f"Another collector uses {folder}; give each its own FOOTFALL_SPOOL_DIR.") from error
    return file


def _write_all(file: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
