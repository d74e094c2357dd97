"""Dashboards that have a bucket in common have each other's files, and none that somebody else put there."""

from pathlib import Path

import pytest

from dashboard.columns import folder, mirror
from dashboard.columns.mirror import Mirror
from service_kit.bucket import Bucket, BucketUnavailable

FOLDER = "layout"
NAME = "20261120-00-24h-0123456789abcdef.parquet"


def dashboard(bucket: Bucket, root: Path) -> Mirror:
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    return Mirror(bucket, root)


def names(root: Path) -> set[str]:
    return {path.name for path in (root / FOLDER).iterdir()}


def test_a_file_that_one_makes_is_fetched_by_another_and_deleted_for_both(bucket_url: str, tmp_path: Path) -> None:
    bucket = Bucket(bucket_url)
    one, other = (dashboard(bucket, tmp_path / name) for name in ("one", "other"))
    (tmp_path / "one" / FOLDER / NAME).write_bytes(b"rows")
    (tmp_path / "one" / FOLDER / "unfinished.part").write_bytes(b"ro")
    one.send([FOLDER])
    other.fetch([FOLDER])
    assert (tmp_path / "other" / FOLDER / NAME).read_bytes() == b"rows"
    assert names(tmp_path / "other") == {NAME}
    (tmp_path / "one" / FOLDER / NAME).unlink()
    one.delete([f"{FOLDER}/{NAME}"])
    # The other one has it until it sees itself that it is not in use, and does not bring it back.
    other.send([FOLDER])
    one.fetch([FOLDER])
    assert (names(tmp_path / "one"), names(tmp_path / "other")) == ({"unfinished.part"}, {NAME})
    assert bucket.list(FOLDER) == {}


def test_a_folder_that_was_lost_is_fetched_and_not_deleted(bucket_url: str, tmp_path: Path) -> None:
    bucket = Bucket(bucket_url)
    one = dashboard(bucket, tmp_path)
    (tmp_path / FOLDER / NAME).write_bytes(b"rows")
    one.send([FOLDER])
    (tmp_path / FOLDER / NAME).unlink()
    one.send([FOLDER])
    one.fetch([FOLDER])
    assert (tmp_path / FOLDER / NAME).read_bytes() == b"rows"


def test_names_that_are_none_of_ours_are_left_alone(bucket_url: str, tmp_path: Path) -> None:
    bucket = Bucket(bucket_url)
    for name in (
        f"{FOLDER}/.hidden",
        f"{FOLDER}/x.part",
        f"{FOLDER}/a.b.c",
        f"{FOLDER}/below/{NAME}",
        f"other/{NAME}",
    ):
        bucket.write(name, b"x")
    dashboard(bucket, tmp_path / "one").fetch([FOLDER])
    assert [path for path in (tmp_path / "one").rglob("*") if path.is_file()] == []


def test_files_of_a_layout_that_nobody_uses_are_deleted_here_and_in_the_bucket(
    bucket_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket(bucket_url)
    ours, abandoned, not_ours = "0123456789ab", "ba9876543210", "reports"
    for name in (ours, abandoned, not_ours):
        bucket.write(f"{name}/{NAME}", b"rows")
        (tmp_path / name).mkdir()
        (tmp_path / name / NAME).write_bytes(b"rows")
    one = Mirror(bucket, tmp_path)

    def left() -> tuple[set[str], set[str]]:
        folder.remove_abandoned(tmp_path, [ours])
        one.delete_abandoned([ours])
        return {path.name for path in tmp_path.iterdir() if path.name in (ours, abandoned, not_ours)}, {
            name for name in (ours, abandoned, not_ours) if bucket.list(name)
        }

    assert left() == ({ours, abandoned, not_ours},) * 2, "an older version may still write to it"
    monkeypatch.setattr(folder, "_ABANDONED_SECONDS", -1.0)
    assert left() == ({ours, not_ours},) * 2


class Silent(Bucket):
    """Refuses, and counts how often it was asked."""

    asked = 0

    def list(self, folder: str) -> dict[str, object]:  # type: ignore[override]
        self.asked += 1
        raise BucketUnavailable(f"cannot list {folder}")


@pytest.mark.parametrize("bucket_url", ["memory"], indirect=True)
def test_a_bucket_that_does_not_answer_is_left_alone_for_a_while(
    bucket_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Silent(bucket_url)
    one = dashboard(bucket, tmp_path)
    one.fetch([FOLDER])
    one.fetch([FOLDER])
    assert bucket.asked == 1
    monkeypatch.setattr(mirror, "_REST_SECONDS", -1.0)
    one._silent_until = 0.0
    one.fetch([FOLDER])
    one.fetch([FOLDER])
    assert bucket.asked == 3
