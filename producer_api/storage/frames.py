"""How records stand in the spool: a frame for the records of a request; mark, length and checksum in front."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from producer_api.storage.records import Outgoing, Record

_FRAME = struct.Struct(">4sII")  # mark, length and CRC-32 of the payload
_MARK = b"\xf0FFS"
_HEAD = struct.Struct(">QhI")  # when (ms since 1970), length of the key or -1, number of records
_RECORD = struct.Struct(">HIB")  # lengths of id and value, number of headers
_HEADER = struct.Struct(">HH")  # lengths of name and value


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
    return _FRAME.pack(_MARK, len(payload), zlib.crc32(payload)) + payload


def frame_size(content: bytes) -> int:
    """How many bytes the frame has that `content` begins with, by its head; 0 where the head is not whole."""
    if len(content) < _FRAME.size:
        return 0
    _mark, length, _checksum = _FRAME.unpack_from(content)
    return _FRAME.size + int(length)


def unpack(content: bytes, start: int, *, is_end: bool) -> Iterator[Frame]:
    """The frames in `content`, which stands at `start` of its file; stops at one that is not whole.

    Raise `Damaged` at one that does not match its checksum, unless the file ends with it (`is_end`): that was
    being written when the machine stopped, and nobody was told that it is safe.
    """
    at = 0
    while payload := _payload(content, at):
        at += _FRAME.size + len(payload)
        outgoing, written_at = _unpack_payload(payload)
        yield Frame(outgoing, written_at, start + at)
    is_cut = at + frame_size(content[at : at + _FRAME.size]) > len(content) or len(content) - at < _FRAME.size
    if (is_end and _has_frame_behind(content, at)) or not (is_end or is_cut):
        raise Damaged(f"the frame at byte {start + at} does not match its checksum")


def _payload(content: bytes, at: int) -> bytes:
    """The payload of the frame at this byte; empty where there is no whole one."""
    if len(content) - at < _FRAME.size:
        return b""
    mark, length, checksum = _FRAME.unpack_from(content, at)
    payload = content[at + _FRAME.size : at + _FRAME.size + length]
    return payload if mark == _MARK and len(payload) == length and zlib.crc32(payload) == checksum else b""


def _has_frame_behind(content: bytes, at: int) -> bool:
    while (at := content.find(_MARK, at + 1)) >= 0:
        if _payload(content, at):
            return True
    return False


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
