"""How the spool encodes records: one frame per request, with a mark, a length and a checksum in front. No I/O."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from producer_api.storage.records import PublishRequest, Record

_FRAME = struct.Struct(">4sII")  # mark, length and CRC-32 of the payload
_MARK = b"\xf0FFS"
_HEAD = struct.Struct(">QhI")  # time of writing (ms since 1970), length of the key or -1, number of records
_RECORD = struct.Struct(">HIB")  # lengths of id and value, number of headers
_HEADER = struct.Struct(">HH")  # lengths of name and value


class DamagedFrame(Exception):
    """A complete frame does not match its checksum."""


@dataclass(slots=True)
class Frame:
    """Records as they were written at `written_at` (ms since 1970). `end` is where the next frame begins."""

    request: PublishRequest
    written_at: int
    end: int


def encode_frame(request: PublishRequest, now: int) -> bytes:
    """A frame. `now` in milliseconds since 1970."""
    key = request.key
    parts = [_HEAD.pack(now, -1 if key is None else len(key), len(request.records)), key or b""]
    for record in request.records:
        event_id = record.event_id.encode()
        parts += [_RECORD.pack(len(event_id), len(record.value), len(record.headers)), event_id, record.value]
        for name, value in record.headers:
            encoded = name.encode()
            parts += [_HEADER.pack(len(encoded), len(value)), encoded, value]
    payload = b"".join(parts)
    return _FRAME.pack(_MARK, len(payload), zlib.crc32(payload)) + payload


def frame_size(content: bytes) -> int:
    """The size of the frame that `content` begins with, according to its head; 0 if the head is incomplete."""
    if len(content) < _FRAME.size:
        return 0
    _mark, length, _checksum = _FRAME.unpack_from(content)
    return _FRAME.size + int(length)


def decode_frames(content: bytes, start: int, *, is_end: bool) -> Iterator[Frame]:
    """The frames in `content`, which begins at byte `start` of its file; stops at an incomplete one.

    Raise DamagedFrame for a frame that does not match its checksum, unless the file ends with it (`is_end`): that
    frame was being written when the machine stopped, so it was never acknowledged.
    """
    at = 0
    while payload := _payload(content, at):
        at += _FRAME.size + len(payload)
        request, written_at = _decode_payload(payload)
        yield Frame(request, written_at, start + at)
    is_cut = at + frame_size(content[at : at + _FRAME.size]) > len(content) or len(content) - at < _FRAME.size
    if (is_end and _has_frame_behind(content, at)) or not (is_end or is_cut):
        raise DamagedFrame(f"the frame at byte {start + at} does not match its checksum")


def _payload(content: bytes, at: int) -> bytes:
    """The payload of the frame at this byte; empty if there is no complete one."""
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


def _decode_payload(payload: bytes) -> tuple[PublishRequest, int]:
    cursor = _Cursor(payload)
    written_at, key_size, count = cursor.unpack(_HEAD)
    key = None if key_size < 0 else cursor.read(key_size)
    return PublishRequest(key, [_decode_record(cursor) for _ in range(count)]), written_at


def _decode_record(cursor: "_Cursor") -> Record:
    id_size, value_size, header_count = cursor.unpack(_RECORD)
    event_id, value = cursor.read(id_size).decode(), cursor.read(value_size)
    headers = []
    for _ in range(header_count):
        name_size, size = cursor.unpack(_HEADER)
        headers.append((cursor.read(name_size).decode(), cursor.read(size)))
    return Record(event_id, value, headers)


class _Cursor:
    """Reads a payload from front to back."""

    def __init__(self, payload: bytes) -> None:
        self._payload, self._at = payload, 0

    def unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        values: tuple[int, ...] = layout.unpack_from(self._payload, self._at)
        self._at += layout.size
        return values

    def read(self, size: int) -> bytes:
        content = self._payload[self._at : self._at + size]
        self._at += size
        return content
