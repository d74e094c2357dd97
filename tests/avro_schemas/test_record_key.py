"""The key of a record leads back to the user; any other key names nobody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avro_schemas.record_key import record_key, user_key_of


@given(st.none() | st.binary(min_size=16, max_size=16))
def test_the_key_of_a_record_is_text_and_leads_back_to_the_user(key: bytes | None) -> None:
    text = record_key(key)
    assert text is None or (len(text) == 32 and text.decode("ascii").isalnum())
    assert user_key_of(text) == key


@pytest.mark.parametrize("key", [b"", b"elsewhere", b"x" * 16, b"x" * 32, b"\xff" * 32, "ä".encode() * 16])
def test_a_key_from_elsewhere_names_nobody(key: bytes) -> None:
    assert user_key_of(key) is None
