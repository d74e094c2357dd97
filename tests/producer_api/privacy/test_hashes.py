"""Hashes depend on the key, and the hash of an IP on the day."""

from producer_api.privacy.hashes import DAY_MS, Hasher


def test_hashes_depend_on_the_key_and_an_ip_has_a_new_one_every_day() -> None:
    one, other = Hasher("key one"), Hasher("key two")
    assert one.user_key("ann") == one.user_key("ann") != other.user_key("ann")
    assert one.user_key("ann") != one.session_key("ann")
    assert one.ip_hash("10.0.0.1", 5 * DAY_MS) == one.ip_hash("10.0.0.1", 6 * DAY_MS - 1)
    assert one.ip_hash("10.0.0.1", 5 * DAY_MS) != one.ip_hash("10.0.0.1", 6 * DAY_MS)
    assert len(one.user_key("ann")) == 16
