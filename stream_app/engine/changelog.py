"""The log of a partition's state: which of the values in it hold after a crash.

Every value starts with its fence: the position of the state when it was written. A checkpoint writes its
control value last. The newest control wins; of each other key the value with the highest fence not above that
control's. Values above it are the torn end of a checkpoint that never finished; lower ones that come later
are a zombie's.
"""

import struct

from stream_app.state.partition import CONTROL

_FENCE = struct.Struct(">q")


def fenced(position: int, payload: bytes) -> bytes:
    """A value as it stands in the log."""
    return _FENCE.pack(position) + payload


def log_key(partition: int, key: str) -> bytes:
    """The key of a value in the log."""
    return f"{partition}|{key}".encode()


class Recovery:
    """Reads the log of one partition's state from its start."""

    def __init__(self) -> None:
        self._settled: dict[str, tuple[int, bytes]] = {}
        self._open: dict[str, tuple[int, bytes]] = {}
        self._control = -1
        self.next_offset = 0
        self.disorder = False

    def read(self, offset: int, key: bytes, value: bytes) -> None:
        """Take the next record of the log."""
        self.next_offset = offset + 1
        name = key.decode().split("|", 1)[1]
        (fence,) = _FENCE.unpack_from(value)
        if name == CONTROL:
            self._close(fence, value)
        elif fence >= self._fence_of(name):
            self._open[name] = (fence, value)
        else:
            self.disorder = True

    def values(self) -> dict[str, bytes] | None:
        """The values that hold, by key and without their fences; None if there was no whole checkpoint."""
        if self._control < 0:
            return None
        return {name: value[_FENCE.size :] for name, (_fence, value) in self._settled.items()}

    @property
    def torn(self) -> bool:
        """Whether the log ends in a checkpoint that never finished."""
        return bool(self._open)

    def _close(self, fence: int, value: bytes) -> None:
        if fence < self._control:
            self.disorder = True
            return
        self._control = fence
        self._settled[CONTROL] = (fence, value)
        for name in [name for name, (written_at, _) in self._open.items() if written_at <= fence]:
            self._settled[name] = self._open.pop(name)

    def _fence_of(self, name: str) -> int:
        return self._settled.get(name, (-1, b""))[0]
