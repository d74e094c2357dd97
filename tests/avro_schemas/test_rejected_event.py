"""What others sent is cut before it goes on to `events-rejected`: any record of `events` fits there."""

from hashlib import sha256

from avro_schemas.rejected_event import (
    HEADERS_LEFT_OUT,
    MAX_HEADERS_BYTES,
    MAX_KEY_BYTES,
    bounded_headers,
    bounded_key,
)


def test_keys_and_headers_of_usual_size_are_as_they_came() -> None:
    headers = [("ce_type", b"click"), ("ce_type", None), ("", b"")]
    assert bounded_headers(headers) == headers
    assert [bounded_key(key) for key in (None, b"", b"k" * MAX_KEY_BYTES)] == [None, b"", b"k" * MAX_KEY_BYTES]


def test_a_long_key_is_cut_and_says_what_it_was() -> None:
    key = b"\xff" * 1_000_000
    cut = bounded_key(key)
    assert cut is not None
    assert len(cut) <= MAX_KEY_BYTES
    assert cut.endswith(f"... 1000000 bytes, sha256 {sha256(key).hexdigest()}".encode())
    assert cut != bounded_key(key + b"\xff")


def test_of_long_headers_the_first_that_fit_are_there_and_the_others_are_named() -> None:
    headers: list[tuple[str, bytes | None]] = [("first", b"1"), ("large", b"x" * 1_000_000), ("last", None)]
    first, left_out = bounded_headers(headers)
    assert first == ("first", b"1")
    left = b"large\0" + b"x" * 1_000_000 + b"last\0"
    hashed = sha256(left).hexdigest()
    assert left_out == (HEADERS_LEFT_OUT, f"2 headers, {len(left)} bytes, sha256 {hashed}".encode())
    many = bounded_headers([("n", b"v")] * 100_000)
    assert sum(len(name) + len(value or b"") for name, value in many) < 2 * MAX_HEADERS_BYTES
    assert bounded_headers([("h" * 1_000_000, None)])[0][0] == HEADERS_LEFT_OUT
