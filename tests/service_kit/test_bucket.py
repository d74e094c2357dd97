"""A bucket keeps files by name; what does not answer, is not allowed or not installed is said in a sentence."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.settings import Settings
from service_kit import bucket
from service_kit.bucket import Bucket, BucketsNotInstalled, BucketUnavailable
from service_kit.bucket import bucket_url as check
from service_kit.settings import SettingsError, load


def test_files_are_stored_by_name(bucket_url: str, tmp_path: Path) -> None:
    stored, file = Bucket(bucket_url), tmp_path / "file"
    assert (stored.list("days"), stored.find("days/1"), stored.read("days/1")) == ({}, None, None)
    assert not stored.fetch("days/1", file) and not file.exists()
    file.write_bytes(large := bytes(range(256)) * 50_000)  # more than one part of an upload
    tag, other = stored.write("days/1", file), stored.write("days/2", b"two")
    stored.write("days/below/3", b"three")
    assert tag != other
    assert {name: (each.bytes, each.tag) for name, each in stored.list("days").items()} == {
        "1": (len(large), tag),
        "2": (3, other),
    }
    found = stored.find("days/1")
    assert found and (found.bytes, found.tag) == (len(large), tag)
    target = tmp_path / "fetched"
    assert stored.fetch("days/1", target) and target.read_bytes() == large
    assert stored.read("days/2") == b"two"
    assert stored.write("days/1", b"another") != tag
    stored.delete(["days/1", "days/1", "days/none"])
    assert stored.list("days").keys() == {"2"}
    assert Bucket(f"{bucket_url}/").read("days/2") == b"two"


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3:///x",
        "s3://Bucket/x",
        "s3://b",
        "s3://bucket/..",
        "s3://bucket/a/../b",
        "s3://bucket//a",
        "s3://bucket/./a",
        "s3://bucket/a?x=1",
        "s3://bucket/a b",
        "s3://bucket/%2e%2e",
        "s3://user:secret@bucket/a",
        "s3://bucket/a\n",
        "s3://bucket/é",
        "gs://bucket/a",
        "file:///x",
    ],
)
def test_a_url_that_could_mean_another_place_is_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"s3://BUCKET/FOLDER"):
        check(url)


@settings(max_examples=30)
@given(st.from_regex(r"s3://[a-z./-]*", fullmatch=True))
def test_any_text_is_a_bucket_or_a_fault(text: str) -> None:
    try:
        check(text)
    except ValueError:
        return
    assert ".." not in text.split("/") and text.isascii()


def test_what_does_not_answer_is_named_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "_MAX_RETRIES", 0)
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "do-not-show",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BucketUnavailable, match="cannot read s3://events/days: ") as raised:
        Bucket("s3://events/days").read("manifest.json")
    assert "\n" not in str(raised.value) and "do-not-show" not in str(raised.value)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {
        "FOOTFALL_KAFKA_BOOTSTRAP": "x:1",
        "FOOTFALL_COLUMNS_URL": "s3://columns",
        "FOOTFALL_COLUMNS_COPIES": "/c",
    }
    settings = load(Settings, environ)
    assert (str(settings.columns_folder), settings.columns_bucket) == ("/c", "s3://columns")
    with pytest.raises(SettingsError, match="FOOTFALL_COLUMNS_COPIES"):
        load(Settings, {name: value for name, value in environ.items() if name != "FOOTFALL_COLUMNS_COPIES"})
    monkeypatch.setattr(bucket.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"pip install 'footfall\[buckets\]'"):
        load(Settings, environ)
    with pytest.raises(BucketsNotInstalled):
        Bucket("s3://columns")
