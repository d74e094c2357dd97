"""The spool's files return everything that was written, in order, whatever happened to their end."""

import os
from pathlib import Path

import pytest

from producer_api.storage import segments
from producer_api.storage.frames import encode_frame
from producer_api.storage.records import PublishRequest
from producer_api.storage.segments import Position, Segments, SpoolInUse
from tests.support.events import NOON
from tests.support.spool import ids, publish_request


def read_all(folder: Path) -> list[str]:
    opened, found = Segments(folder), []
    while read := opened.read():
        found += ids(*(frame.request for frame in read))
        opened.mark_replayed(Position(opened.replayed.segment, read[-1].end))
    opened.close()
    return found


def write(folder: Path, *requests: PublishRequest) -> None:
    opened = Segments(folder)
    for request in requests:
        opened.append(encode_frame(request, NOON))
    opened.close()


def test_segments_return_what_was_written_in_order_and_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1000)
    written = [publish_request(3) for _ in range(20)]
    write(tmp_path, *written[:10])
    write(tmp_path, *written[10:])
    assert len(list(tmp_path.glob("*.spool"))) > 5
    assert read_all(tmp_path) == ids(*written)
    assert list(tmp_path.glob("*.spool")) == []
    assert read_all(tmp_path) == []


def test_an_incomplete_end_costs_only_the_frame_that_was_being_written(tmp_path: Path) -> None:
    first, second = publish_request(2), publish_request(2)
    size = len(encode_frame(second, NOON))
    for lost in (1, 5, size - 9, size - 1):
        folder = tmp_path / str(lost)
        write(folder, first, second)
        (path,) = folder.glob("*.spool")
        os.truncate(path, path.stat().st_size - lost)
        after = publish_request()
        write(folder, after)
        assert read_all(folder) == ids(first, after)


def test_damage_costs_only_its_segment_which_is_set_aside(tmp_path: Path) -> None:
    written = [publish_request(), publish_request(), publish_request()]
    write(tmp_path, *written)
    (path,) = tmp_path.glob("*.spool")
    content = bytearray(path.read_bytes())
    content[len(encode_frame(written[0], NOON)) + 20] ^= 1
    path.write_bytes(content)
    after = publish_request()
    write(tmp_path, after)
    assert read_all(tmp_path) == ids(written[0], after)
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_a_folder_belongs_to_one_collector(tmp_path: Path) -> None:
    opened = Segments(tmp_path)
    with pytest.raises(SpoolInUse, match="FOOTFALL_SPOOL_DIR"):
        Segments(tmp_path)
    opened.close()
    Segments(tmp_path).close()
