"""Changes of visits of an hour lead from one version to another, or it is said that they do not."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dashboard.columns.changed_visits import times_between
from dashboard.columns.snapshot import VisitChange

START = datetime(2026, 3, 1, tzinfo=UTC)
VERSIONS = st.lists(st.integers(1, 2**53), unique=True, min_size=1, max_size=9)


@given(VERSIONS, st.data())
def test_all_changes_between_two_versions(versions: list[int], data: st.DataObject) -> None:
    versions = [0, *versions]
    changes = [
        VisitChange(before, after, [START + timedelta(seconds=number)])
        for number, (before, after) in enumerate(pairwise(versions))
    ]
    first, last = data.draw(st.integers(0, len(changes))), data.draw(st.integers(0, len(changes)))
    found = times_between(data.draw(st.permutations(changes)), versions[first], versions[last])
    if first > last:
        assert found is None
        return
    assert found == [time for change in changes[first:last] for time in change.started_at]
    if first < last:
        lost = data.draw(st.integers(first, last - 1))
        assert times_between(changes[:lost] + changes[lost + 1 :], versions[first], versions[last]) is None
