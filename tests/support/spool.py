"""Requests for the spool, and what is on disk of them."""

import os
from pathlib import Path

from producer_api.storage.records import PublishRequest, Record
from tests.support.events import fresh_id


def publish_request(count: int = 1, key: bytes | None = b"k" * 16) -> PublishRequest:
    """Records with ids of their own."""
    return PublishRequest(key, [Record(fresh_id(), os.urandom(100), [("ce_id", b"x")]) for _ in range(count)])


def ids(*requests: PublishRequest) -> list[str]:
    """The event ids of all records."""
    return [record.event_id for request in requests for record in request.records]


def disk_bytes(folder: Path) -> int:
    """The size of the segments in a folder."""
    return sum(path.stat().st_size for path in folder.glob("*.spool"))
