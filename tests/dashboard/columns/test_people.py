"""People counted by numbers are those of their keys, in whatever files they are, and whatever halves keys share."""

from pathlib import Path
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.columns.engine import Engine
from dashboard.columns.known_people import KnownPeople
from dashboard.columns.people import NO_KEYS, Keys, People
from dashboard.columns.summaries import Summaries

# Few halves, so that different keys share one.
KEYS = st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 2**64 - 1]))


def keys_of(people: list[tuple[int, int]]) -> Keys:
    return Keys(
        np.array([high for high, _low in people], np.uint64), np.array([low for _high, low in people], np.uint64)
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sets(KEYS).map(sorted), max_size=4), st.lists(KEYS), st.integers(0, 99))
def test_who_is_in_several_files_or_rows_is_counted_once(
    files: list[list[tuple[int, int]]], rows: list[tuple[int, int]], seed: int
) -> None:
    chance, people = Random(seed), People()
    for name, keys in enumerate(files):
        people = people.with_files({str(name): keys_of(keys)})
    assert People().with_files({str(name): keys_of(keys) for name, keys in enumerate(files)}).numbers.size == (
        len({key for keys in files for key in keys})
    )
    expected: dict[int, set[tuple[int, int]]] = {}
    lists = []
    for group in range(3):
        for name, keys in enumerate(files):
            places = [place for place in range(len(keys)) if chance.random() < 0.5]
            if places:
                lists.append((group, str(name), np.array(places, np.uint32)))
                expected.setdefault(group, set()).update(keys[place] for place in places)
    groups = [chance.randrange(3) for _ in rows]
    for group, key in zip(groups, rows, strict=True):
        expected.setdefault(group, set()).add(key)
    counted = people.counted(lists, np.array(groups, np.int64), keys_of(rows))
    assert counted == {group: len(keys) for group, keys in expected.items()}


def test_few_of_many_people_are_counted_without_marking_all() -> None:
    everybody = keys_of([(number, 0) for number in range(1000)])
    people = People().with_files({"a": everybody, "b": everybody})
    some = np.array([1, 5, 999], np.uint32)
    assert people.counted([(1, "a", some), (1, "b", some)], np.empty(0, np.int64), NO_KEYS) == {1: 3}


def test_everybody_is_forgotten_when_a_file_is_gone(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    for name in "ab":
        path = engine.scratch / f"{name}.summary"
        select = f"select 'people' as part, '{name}' as file, [1, 2]::ubigint[] as high, [3, 4]::ubigint[] as low"
        engine.write(select, path, {})
    known = KnownPeople()
    summaries = [Summaries(str(engine.scratch / f"{name}.summary"), (name,)) for name in "ab"]
    assert len(known.of(engine.session(), summaries).numbers) == 2
    known.forget_unless(["a", "b", "c"])
    assert known.of(engine.session(), []).of_file.keys() == {"a", "b"}
    known.forget_unless(["a"])
    assert not known.of(engine.session(), []).of_file
    engine.close()
