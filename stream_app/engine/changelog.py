"""The changelog of a partition's state: which of its values are valid after a crash.

Every value starts with its fence: its term, and the position of the state when it was written. A checkpoint writes
its control value last. The newest control wins; of each other key, the value of that control's term with the
highest position that is not above the control's. Values above it are the torn end of a checkpoint that never
finished; lower ones that come later were written by a former owner that had not noticed yet.

Each owner begins a term of its own, in which its first checkpoint writes the whole state. Two owners may apply a
correction at different positions, so their values must not be mixed: those of another term are not of the state.
"""

import struct

import orjson

from stream_app.state.snapshot import CONTROL, CONTROL_FIELDS, Fence

_FENCE = struct.Struct(">qq")
# What claims to be of a later term is not of ours.
_MAX_TERM = 2**40
# So many offsets of records that were passed over stand in the log.
_MAX_NAMED = 10


def fenced(fence: Fence, payload: bytes) -> bytes:
    """A value as it is written to the changelog."""
    return _FENCE.pack(*fence) + payload


def _fence(value: bytes) -> Fence:
    term, position = _FENCE.unpack_from(value)
    return term, position


def changelog_key(partition: int, key: str) -> bytes:
    """The key of a value in the changelog."""
    return f"{partition}|{key}".encode()


def _name(key: bytes | None) -> str | None:
    """The part of the state and its place, of a key as `changelog_key` makes it."""
    partition, _, name = (key or b"").partition(b"|")
    return name.decode() if name and partition.isdigit() and name.isascii() else None


def _is_ours(name: str, value: bytes) -> bool:
    if len(value) < _FENCE.size or not 0 <= _fence(value)[0] < _MAX_TERM:
        return False
    return name != CONTROL or _is_control(value)


def _is_control(value: bytes) -> bool:
    try:
        control = orjson.loads(value[_FENCE.size :])
    except orjson.JSONDecodeError:
        return False
    if not isinstance(control, dict):
        return False
    return all(type(control.get(name)) is kind for name, kind in CONTROL_FIELDS.items())


class Recovery:
    """Reads the changelog of one partition from its start."""

    def __init__(self) -> None:
        # Fence and value by key. Complete: of checkpoints whose control value was read; of the term of `_control`,
        # and no fence above it.
        self._complete: dict[str, tuple[Fence, bytes]] = {}
        # Of the checkpoint whose control value is still to come.
        self._incomplete: dict[str, tuple[Fence, bytes]] = {}
        self._control: Fence = (-1, -1)
        # For the next owner: later than any that was read.
        self.next_term = 0
        self.next_offset = 0
        # Whether a value was older than what was there: a former owner wrote it.
        self.foreign_writes = False
        # Offsets of records that nobody of ours wrote; the first few of them.
        self.passed_over: list[int] = []
        self.passed_over_count = 0
        # Behind a damaged batch: from which term on the values are a whole state again, if that is known.
        self.is_lost = False
        self._whole_from: int | None = None

    def read(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take the next record of the changelog. What is not of the state is passed over: anybody may write there.

        It counts as a foreign write, as compaction may have removed ours of the same key.
        """
        self.next_offset = offset + 1
        name = _name(key)
        if name is None or value is None or not _is_ours(name, value):
            self.pass_over(offset)
            return
        fence = _fence(value)
        if self.is_lost and self._whole_from is None:
            self._whole_from = max(self.next_term, fence[0] + 1)
        self.next_term = max(self.next_term, fence[0] + 1)
        if fence[0] < (self._whole_from or 0):
            return
        if name == CONTROL:
            self._complete_checkpoint(fence, value)
        elif fence[0] >= self._control[0] and fence >= self._fence_of(name):
            self._incomplete[name] = (fence, value)
        else:
            self.foreign_writes = True

    def pass_over(self, offset: int) -> None:
        """Take note of a record that nobody of ours wrote."""
        self.foreign_writes = True
        self.passed_over_count += 1
        if len(self.passed_over) < _MAX_NAMED:
            self.passed_over.append(offset)

    def lose(self, offset: int) -> None:
        """Take note of a record of a damaged batch: it may have been of the state, so what was read is not whole.

        Nor is what follows, before an owner has begun a term and so written all of it.
        """
        self.next_offset = offset + 1
        self.pass_over(offset)
        self.is_lost, self._whole_from, self._control = True, None, (-1, -1)
        self._complete.clear()
        self._incomplete.clear()

    def values(self) -> dict[str, bytes] | None:
        """The valid values, by key and without their fences; None if there was no complete checkpoint."""
        if self._control[0] < 0:
            return None
        return {name: value[_FENCE.size :] for name, (_fence, value) in self._complete.items()}

    @property
    def torn(self) -> bool:
        """Whether the changelog ends in a checkpoint that never finished."""
        return bool(self._incomplete)

    def _complete_checkpoint(self, fence: Fence, value: bytes) -> None:
        if fence < self._control:
            self.foreign_writes = True
            return
        if fence[0] > self._control[0]:
            self._complete.clear()
            self._incomplete = {name: each for name, each in self._incomplete.items() if each[0][0] >= fence[0]}
        self._control = fence
        self._complete[CONTROL] = (fence, value)
        for name in [name for name, (written_at, _) in self._incomplete.items() if written_at <= fence]:
            self._complete[name] = self._incomplete.pop(name)

    def _fence_of(self, name: str) -> Fence:
        return self._complete.get(name, ((-1, -1), b""))[0]
