"""Sketches: what DataSketches reads and writes, the same whatever the order, exact for few keys and close for many."""

import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.key_sketch import MAX_EXACT, KeySketch, NotASketch, united
from avro_schemas.live_aggregates import LG_REGISTERS

numbers = st.sets(st.integers(0, 5_000), max_size=300)


def keys(count: int, first: int = 0) -> list[bytes]:
    return [f"{number:032x}".encode() for number in range(first, first + count)]


def sketch(of: list[bytes]) -> KeySketch:
    made = KeySketch()
    made.add(of)
    return made


def library() -> Any:
    return pytest.importorskip("datasketches", reason="it has no wheel for this Python")


@pytest.mark.parametrize("count", [1, 7, 8, 24, 25, 96, 97, MAX_EXACT, MAX_EXACT + 1, 1_000, 100_000])
def test_the_library_reads_and_writes_the_same_sketch(count: int) -> None:
    datasketches = library()
    ours = sketch(keys(count))
    read = datasketches.hll_sketch.deserialize(ours.to_bytes())
    assert read.get_estimate() == pytest.approx(ours.estimate(), rel=0.005)
    written = datasketches.hll_sketch(LG_REGISTERS, datasketches.tgt_hll_type.HLL_8)
    for key in keys(count):
        written.update(key.decode())
    assert KeySketch.from_bytes(written.serialize_compact()).to_bytes() == ours.to_bytes()
    union = datasketches.hll_union(LG_REGISTERS)
    union.update(read)
    union.update(written)
    assert union.get_estimate() == pytest.approx(ours.estimate(), rel=0.005 if count > MAX_EXACT + 1 else 0.04)


@given(st.lists(numbers, min_size=1, max_size=4), st.randoms())
def test_a_union_has_the_keys_of_all_in_whatever_order_they_came(parts: list[set[int]], chance: Any) -> None:
    every = [f"{number:032x}".encode() for number in set().union(*parts)] * 2
    chance.shuffle(every)
    whole = sketch(every)
    read = [KeySketch.from_bytes(sketch([f"{n:032x}".encode() for n in part]).to_bytes()) for part in parts]
    assert united(read).to_bytes() == whole.to_bytes()
    assert len(every) // 2 > MAX_EXACT or whole.estimate() == len(every) // 2


@pytest.mark.parametrize("count", [300, 3_000, 100_000])
def test_many_keys_are_counted_within_some_per_cent(count: int) -> None:
    errors = [sketch(keys(count, number * count)).estimate() / count - 1 for number in range(10)]
    assert abs(statistics.mean(errors)) < 0.03
    assert max(map(abs, errors)) < 0.08


@pytest.mark.parametrize("count", [3, 30, 3_000])
def test_bytes_that_are_no_sketch_are_refused(count: int) -> None:
    whole = sketch(keys(count)).to_bytes()
    other_size, other_family = whole[:3] + b"\x0c" + whole[4:], whole[:2] + b"\x03" + whole[3:]
    too_high = whole[:-1] + b"\xff"
    bad = [b"", whole[:7], whole[:-1], whole + b"\0", other_size, other_family]
    for data in bad + [too_high] * (count > MAX_EXACT):
        with pytest.raises(NotASketch):
            KeySketch.from_bytes(data)


def test_nothing_is_counted_of_nothing() -> None:
    assert (KeySketch().estimate(), united([]).estimate()) == (0, 0)
    assert KeySketch.from_bytes(KeySketch().to_bytes()).estimate() == 0
