"""Hashes depend on the key, and on what they are of."""

from producer_api.privacy.hashes import Hasher


def test_hashes_depend_on_the_key_and_on_what_they_are_of() -> None:
    one, other = Hasher("key one"), Hasher("key two")
    assert one.user_key("ann") == one.user_key("ann") != other.user_key("ann")
    assert len({one.user_key("ann"), one.session_key("ann"), one.visitor_key("ann")}) == 3
    assert len(one.user_key("ann")) == 16
