"""Merge patches: small, and applied to the old snapshot they make the new one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.merge_patch import merge_patch
from tests.dashboard.json_merge_patch import patched

trees = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=2) | st.text(max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)
objects = st.dictionaries(st.sampled_from("abcd"), trees, max_size=4)


@given(objects, objects)
def test_a_patch_makes_the_new_snapshot_of_the_old_one(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert patched(before, merge_patch(before, after)) == after
    assert merge_patch(after, after) == {}


def test_a_patch_holds_changed_rows_only() -> None:
    before = {"panels": {"pages": {"/a": [1], "/b": [1]}}}
    after = {"panels": {"pages": {"/a": [2], "/c": [1]}}}
    assert merge_patch(before, after) == {"panels": {"pages": {"/b": None, "/a": [2], "/c": [1]}}}
