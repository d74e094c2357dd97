"""Which rows of a batch landed when their hour was over."""

from hypothesis import given
from hypothesis import strategies as st

from sinks.postgres.after_hour import after_hour

NOW = 20_000 * 86_400_000 + 7 * 3_600_000


def an_id(milliseconds: int) -> bytes:
    return milliseconds.to_bytes(6, "big") + bytes(10)


@given(st.lists(st.integers(0, 2**47), max_size=5), st.lists(st.integers(NOW - 3_600_000, NOW), min_size=6))
def test_those_whose_hour_is_over_for_a_minute_or_longer(before: list[int], recent: list[int]) -> None:
    ids = list(map(an_id, before + recent))
    assert after_hour(ids, NOW + 59_999) == [each for each in ids if each < an_id(NOW - 3_600_000)]
    assert after_hour(ids, NOW + 60_000) == [each for each in ids if each < an_id(NOW)]


def test_of_a_large_batch_no_more_than_half() -> None:
    late, recent = [an_id(0)] * 600, [an_id(NOW)] * 600
    assert len(after_hour(late + recent, NOW + 60_000)) == 600
    assert after_hour(late + recent[1:], NOW + 60_000) == []
    assert len(after_hour(late[:100], NOW)) == 100
    assert after_hour(late[:101], NOW) == []
