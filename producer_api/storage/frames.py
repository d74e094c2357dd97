"""How records stand in the spool: a frame for the records of a request, with its length and checksum in front."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from producer_api.storage.outgoing import Outgoing, Record

_FRAME = struct.Struct(">II")  # length and CRC-32 of the payload
_HEAD = struct.Struct(">QhI")  # when (ms since 1970), length of the key or -1, number of records
_RECORD = struct.Struct(">HIB")  # lengths of id and value, number of headers
_HEADER = struct.Struct(">HH")  # lengths of name and value
FRAME_HEAD_SIZE = _FRAME.size


class Damaged(Exception):
    """A whole frame does not match its checksum."""


@dataclass(slots=True)
class Frame:
    """Records as they were written at `written_at` (ms since 1970); `end` is where the next frame begins."""

    outgoing: Outgoing
    written_at: int
    end: int


def pack(outgoing: Outgoing, now: int) -> bytes:
    """A frame. `now` in milliseconds since 1970."""
    key = outgoing.key
    parts = [_HEAD.pack(now, -1 if key is None else len(key), len(outgoing.records)), key or b""]
    for record in outgoing.records:
        event_id = record.event_id.encode()
        parts += [_RECORD.pack(len(event_id), len(record.value), len(record.headers)), event_id, record.value]
        for name, value in record.headers:
            encoded = name.encode()
            parts += [_HEADER.pack(len(encoded), len(value)), encoded, value]
    payload = b"".join(parts)
    return _FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def unpack(content: bytes, start: int, *, is_end: bool) -> Iterator[Frame]:
    """The frames in `content`, which stands at `start` of its file; stops at one that is not whole.

    Raise `Damaged` at a wrong checksum, unless it is the last frame of a file (`is_end`): that was being written
    when the machine stopped, and nobody was told that it is safe.
    """
    at = 0
    while len(content) - at >= _FRAME.size:
        length, checksum = _FRAME.unpack_from(content, at)
        end = at + _FRAME.size + length
        if end > len(content):
            return
        payload = content[at + _FRAME.size : end]
        if zlib.crc32(payload) != checksum or not length:
            if is_end and (end == len(content) or not any(content[at:])):
                return
            raise Damaged(f"the frame at byte {start + at} does not match its checksum")
        outgoing, written_at = _unpack_payload(payload)
        at = end
        yield Frame(outgoing, written_at, start + end)


def _unpack_payload(payload: bytes) -> tuple[Outgoing, int]:
    cursor = _Cursor(payload)
    written_at, key_size, count = cursor.take(_HEAD)
    key = None if key_size < 0 else cursor.read(key_size)
    return Outgoing(key, [_unpack_record(cursor) for _ in range(count)]), written_at


def _unpack_record(cursor: "_Cursor") -> Record:
    id_size, value_size, header_count = cursor.take(_RECORD)
    event_id, value = cursor.read(id_size).decode(), cursor.read(value_size)
    headers = []
    for _ in range(header_count):
        name_size, size = cursor.take(_HEADER)
        headers.append((cursor.read(name_size).decode(), cursor.read(size)))
    return Record(event_id, value, headers)


class _Cursor:
    """Reads a payload piece by piece."""

    def __init__(self, payload: bytes) -> None:
        self._payload, self._at = payload, 0

    def take(self, form: struct.Struct) -> tuple[int, ...]:
        values: tuple[int, ...] = form.unpack_from(self._payload, self._at)
        self._at += form.size
        return values

    def read(self, size: int) -> bytes:
        taken = self._payload[self._at : self._at + size]
        self._at += size
        return taken
