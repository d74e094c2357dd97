"""What an export writes to, and what its manifest may say: another place costs nothing, and is named."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from footfall.cli import build
from footfall.export.manifest import NAME, Counts, Exported, Manifest, differences
from footfall.export.places import InFolder, UnusablePlace

DAY, OTHER = "2026-11-20", "2026-11-21"
COUNTS = Counts(landed=5, erased=1, dropped=0)


def exported(folder: Path, *days: str) -> Manifest:
    """A folder with files of days."""
    manifest = Manifest.read(place := InFolder(folder), "csv")
    with place.open() as work:
        for day in days:
            (part := work / ".events-new.part").write_text(day)
            place.publish(part, f"events-{day}.csv")
            sha = hashlib.sha256(day.encode()).hexdigest()
            manifest.add(day, Exported(f"events-{day}.csv", 4, None, None, sha, len(day), COUNTS))
    return Manifest.read(place, None)


@pytest.mark.parametrize(
    "place", ["s3://Events", "s3://events/../x", "gs://events/x", "https://example.com/", "FILE", "FILE/below"]
)
def test_a_place_that_is_none_is_named_and_exits_with_2(place: str, tmp_path: Path) -> None:
    (file := tmp_path / "FILE").write_text("kept")
    environ = {"FOOTFALL_POSTGRES_DSN": "host=/nowhere", "FOOTFALL_DATA_DIR": str(tmp_path)}
    place = place.replace("FILE", str(file))
    ran = CliRunner().invoke(build("export"), ["export", place], env=environ)
    assert (ran.exit_code, place in ran.output) == (2, True), ran.output
    assert file.read_text() == "kept"


def test_a_manifest_names_only_the_file_of_its_day(tmp_path: Path) -> None:
    manifest = exported(tmp_path, DAY)
    assert manifest.has(DAY, COUNTS)
    written = json.loads((tmp_path / NAME).read_text())
    of_day = written["days"][DAY]
    for days in (
        {DAY: of_day | {"file": "../other"}},
        {DAY: of_day | {"file": "/etc/passwd"}},
        {OTHER: of_day},
        {"../x": of_day | {"file": "events-../x.csv"}},
        {"20261120": of_day},
        {DAY: of_day | {"more": 1}},
        {DAY: of_day | {"counts": {}}},
        [],
        None,
    ):
        (tmp_path / NAME).write_text(json.dumps(written | {"days": days}))
        with pytest.raises(UnusablePlace, match="cannot be read"):
            Manifest.read(InFolder(tmp_path), None)
    for text in (b"", b"[]", b"{}", b'{"format": "exe", "days": {}}', b"\xff"):
        (tmp_path / NAME).write_bytes(text)
        with pytest.raises(UnusablePlace):
            Manifest.read(InFolder(tmp_path), None)
    (tmp_path / NAME).write_text(json.dumps(written))
    with pytest.raises(UnusablePlace, match="files of the format csv"):
        Manifest.read(InFolder(tmp_path), "parquet")


def test_what_has_to_be_made_again_is_said_with_the_reason(tmp_path: Path) -> None:
    manifest = exported(tmp_path, DAY, OTHER)

    def said(found: dict[str, Counts]) -> dict[str, str]:
        return dict(differences(manifest, found))

    late, erased, dropped = Counts(6, 1, 0), Counts(5, 2, 0), Counts(5, 1, 4)
    assert said({DAY: COUNTS, OTHER: COUNTS}) == {}
    assert said({DAY: late, OTHER: erased}) == {DAY: "changed", OTHER: "erased"}
    assert said({DAY: Counts(6, 2, 0)}) == {DAY: "erased"}
    assert said({DAY: dropped}) == {}, "the only copy"
    (tmp_path / f"events-{DAY}.csv").write_text("cut off")
    (tmp_path / f"events-{OTHER}.csv").unlink()
    assert said({DAY: COUNTS, OTHER: COUNTS}) == {DAY: "damaged", OTHER: "damaged"}
    assert said({DAY: dropped}) == {DAY: "damaged", OTHER: "deleted"}


def test_two_exports_do_not_write_to_one_folder_and_what_a_killed_one_left_is_removed(tmp_path: Path) -> None:
    place = InFolder(tmp_path / "new" / "folder")
    with place.open() as work:
        (work / ".events-2026-11-20.csv.part").write_text("half")
        (work / ".events-2026-11-20.parquet.spilled").mkdir()
        (work / "notes.txt").write_text("of somebody")
        with pytest.raises(UnusablePlace, match="Another export"), place.open():
            pass
        assert len(list(work.iterdir())) == 3
    with place.open() as work:
        assert [path.name for path in work.iterdir()] == ["notes.txt"]
